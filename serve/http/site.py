"""What every route needs to know of the server."""

import dataclasses

from serve.http.engine_thread import EngineThread
from serve.http.errors import ApiError
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
    """

    model: str
    created: int
    thread: EngineThread
    metrics: Metrics
    limits: Limits
    hosts: tuple[str, ...] = ()
    key: str = ""

    def check_model(self, name: str | None) -> None:
        """
        Raises:
            ApiError: another model is asked for: 404.
        """
        if name is not None and name != self.model:
            raise ApiError(
                404,
                f"The model '{name[:100]}' does not exist; this server has '{self.model}'.",
                "model_not_found",
                "model",
            )
