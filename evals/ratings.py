"""Ratings from who was found better than whom: the Bradley-Terry model on the scale of Elo.

Player i is found better than player j with probability 1 / (1 + 10^((r_j - r_i) / 400)) (Bradley
and Terry 1952; Elo 1978). Pure functions; the order in which matches are given changes nothing.
"""

import collections
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from data.errors import InputError

MEAN = 1000.0  # of the ratings
_SCALE = 400 / math.log(10)
# So many further times are two that have met taken to have tied. It keeps one that always wins at a
# finite rating.
TIES = 0.1
_STEPS, _PRECISE, _TINY = 200, 1e-9, 1e-300


class Match(NamedTuple):
    """One prompt that some players have answered, and how a judge has ordered the answers.

    Attributes:
        prompt: what tells it from other prompts.
        players: the name of each.
        ranking: places in `players`, the best first; those that stand together are equally good.
    """

    prompt: str
    players: tuple[str, ...]
    ranking: Sequence[Sequence[int]]


def ratings(matches: Sequence[Match], players: Sequence[str] = ()) -> dict[str, float]:
    """The likeliest rating of everybody who has played, 1000 on the average, the best first.

    A match of more than two is all of its pairs; a tie is half a win for either.

    Args:
        players: of whom ratings are wanted, too.

    Raises:
        InputError: nobody has played, one of `players` has not, or some have met none of the
            others, not even by way of third ones: nothing says how they compare.
    """
    names, wins = _wins(matches)
    if absent := [name for name in players if name not in names]:
        raise InputError(
            f"{absent[0]} has played no match, and has no rating: leave it out, or let it play"
        )
    if not names:
        raise InputError("no match has been judged, and there is nothing to rate")
    total = wins.sum(axis=0)
    apart = _apart(total + total.T)
    if apart:
        raise InputError(
            f"{', '.join(names[n] for n in apart)} and the other players have never met, not even "
            "by way of third ones: rate them apart, or let them play"
        )
    found = _fit(total + 0.5 * TIES * _met(total))
    order = sorted(range(len(names)), key=lambda n: (-found[n], names[n]))
    return {names[n]: float(found[n]) for n in order}


def together(matches: Sequence[Match]) -> list[list[Match]]:
    """The matches by players who have met, if only by way of third ones: each list can be rated."""
    groups: list[tuple[set[str], list[Match]]] = []
    for match in matches:
        met, apart = set(match.players), []
        of_these = [match]
        for players, theirs in groups:
            if players & met:
                met, of_these = met | players, theirs + of_these
            else:
                apart.append((players, theirs))
        groups = [*apart, (met, of_these)]
    return [theirs for _, theirs in groups]


def intervals(
    matches: Sequence[Match], share: float = 0.95, samples: int = 1000, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """(low, high) of the rating of everybody who has played: of the ratings that prompts with
    `samples` draws of weights give, the middle `share` (the Bayesian bootstrap, Rubin 1981).

    Of every two who have met, one prompt more is taken to be won by either. Of two alone it is the
    interval of a chance of which nothing was known before, so that few prompts, or such as one of
    them has all won, leave it as wide as it must be.
    """
    names, wins = _wins(matches)
    if not names:
        return {}
    wins = np.concatenate([wins, _one_more_each(wins)])
    P, N = wins.shape[:2]
    draws = np.random.default_rng(seed).exponential(size=(samples, P))
    total = (draws @ wins.reshape(P, N * N)).reshape(samples, N, N)
    found = _fit(total)  # without ties: what is won by either holds the ratings together
    low, high = np.quantile(found, [(1 - share) / 2, (1 + share) / 2], axis=0)
    return {name: (float(low[n]), float(high[n])) for n, name in enumerate(names)}


def tally(matches: Sequence[Match], player: str) -> tuple[int, int, int]:
    """How often a player was found better than another, as good, and worse."""
    won = collections.Counter(share for _, name, _, share in _pairs(matches) if name == player)
    return won[1.0], won[0.5], won[0.0]


def _pairs(matches: Sequence[Match]) -> Iterator[tuple[str, str, str, float]]:
    """Of every two in a match, either way round: the prompt, one, the other, and what the one has
    won: 1, a half or 0."""
    for match in matches:
        level = {place: n for n, group in enumerate(match.ranking) for place in group}
        for first, second in itertools.permutations(range(len(match.players)), 2):
            one, other = match.players[first], match.players[second]
            if one != other:
                won = 0.5 + 0.5 * np.sign(level[second] - level[first])
                yield match.prompt, one, other, float(won)


def _wins(matches: Sequence[Match]) -> tuple[list[str], np.ndarray]:
    """The names of those who have played, sorted, and [P, N, N] float64: how often, at each of P
    prompts, the first was found better than the second, ties half."""
    pairs = list(_pairs(matches))
    names = sorted({one for _, one, _, _ in pairs})
    prompts = sorted({prompt for prompt, _, _, _ in pairs})
    player = {name: place for place, name in enumerate(names)}
    row = {prompt: place for place, prompt in enumerate(prompts)}
    wins = np.zeros((len(prompts), len(names), len(names)))
    for prompt, one, other, won in pairs:
        wins[row[prompt], player[one], player[other]] += won
    return names, wins


def _one_more_each(wins: np.ndarray) -> np.ndarray:
    """A prompt won by one of every two who have met, and a prompt won by the other: [2M, N, N],
    each with as many comparisons of them as their prompts have on the average."""
    games = wins + np.swapaxes(wins, 1, 2)
    mean = games.sum(axis=0) / np.maximum((games > 0).sum(axis=0), 1)
    winners, losers = np.nonzero(mean)
    more = np.zeros((len(winners), *mean.shape))
    more[np.arange(len(winners)), winners, losers] = mean[winners, losers]
    return more


def _met(total: np.ndarray) -> np.ndarray:
    """Whether two have ever been compared, [N, N] bool."""
    return total + total.T > 0


def _apart(games: np.ndarray) -> list[int]:
    """The players that the first one has nothing to do with, or it and its like if they are fewer;
    [] if all hang together."""
    reached, new = {0}, [0]
    while new:
        new = [int(n) for n in np.flatnonzero(games[new].sum(axis=0)) if n not in reached]
        reached.update(new)
    others = sorted(set(range(len(games))) - reached)
    return min(sorted(reached), others, key=len) if others else []


def _fit(total: np.ndarray) -> np.ndarray:
    """The likeliest ratings, [..., N] float64, from wins [..., N, N] of all over those they met.

    Newton's method, each step damped to log(1 + d) / d of it, at which it converges from anywhere
    for such likelihoods (Sun and Tran-Dinh 2019, arXiv 1703.04599), and quadratically in the end.
    """
    N = total.shape[-1]
    games = total + np.swapaxes(total, -1, -2)
    eye = np.eye(N)
    theta = np.zeros(total.shape[:-1])
    for _ in range(_STEPS):
        gaps = theta[..., :, None] - theta[..., None, :]
        chance = 0.5 + 0.5 * np.tanh(0.5 * gaps)  # of winning; does not overflow
        slope = (total - games * chance).sum(axis=-1)
        weight = games * chance * (1 - chance)
        # Only differences matter: the ones pin the mean, which the slope does not move.
        curve = eye * weight.sum(axis=-1)[..., None] - weight + 1 / N
        step = np.linalg.solve(curve, slope[..., None])[..., 0]
        length = math.sqrt(2) * np.linalg.norm(step, axis=-1, keepdims=True)
        theta = theta + step * np.where(
            length > 0, np.log1p(length) / np.maximum(length, 1e-300), 1
        )
        if length.max() < _PRECISE:
            break
    else:
        raise RuntimeError(f"the ratings have not converged in {_STEPS} steps")
    return MEAN + _SCALE * (theta - theta.mean(axis=-1, keepdims=True))
