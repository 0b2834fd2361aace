"""What every route needs to know of the server."""

import dataclasses

from serve.http.engine_thread import EngineThread
from serve.http.errors import ApiError
from serve.http.label_folder import LabelFolder
from serve.http.limits import Limits
from serve.http.metrics import Metrics


@dataclasses.dataclass(frozen=True)
class Site:
    """A running server.

    Attributes:
        model: the name by which clients ask for the model.
        created: when its checkpoint was written, in seconds since 1970.
        hosts: names by which the server may be called; (): any.
        key: what clients must show; "": nothing.
        labels: where labels are written; None: nowhere.
        others: the same server's further models, each with a site of its own.
    """

    model: str
    created: int
    thread: EngineThread
    metrics: Metrics
    limits: Limits
    hosts: tuple[str, ...] = ()
    key: str = ""
    labels: LabelFolder | None = None
    others: tuple["Site", ...] = ()

    @property
    def all(self) -> tuple["Site", ...]:
        """Of each model, the main one first."""
        return (self, *self.others)

    def of(self, name: str | None) -> "Site":
        """The site of a model; where none is named, of the main one.

        Raises:
            ApiError: there is no such model: 404.
        """
        if name is None:
            return self
        for site in self.all:
            if site.model == name:
                return site
        have = " and ".join(f"'{site.model}'" for site in self.all)
        raise ApiError(
            404,
            f"The model '{name[:100]}' does not exist; this server has {have}.",
            "model_not_found",
            "model",
        )
