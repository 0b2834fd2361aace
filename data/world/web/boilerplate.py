"""Pages that have no text of their own: menus, forms, errors, notices."""

from collections.abc import Callable

from data.world import telling
from data.world.draw import Draw
from data.world.web import furniture
from data.world.web.page import escaped
from data.world.web.sites import Site

# Every page has (title, HTML of its middle).
Middle = tuple[str, str]


def _login(draw: Draw, seed: int) -> Middle:
    return "Log in", (
        '<h1>Log in</h1><form action="/login" method="post"><label>User name <input name="user">'
        '</label><label>Password <input type="password" name="pass"></label>'
        '<button>Log in</button></form><p><a href="/forgot">Forgot your password?</a> '
        '<a href="/register">Register</a></p>'
    )


def _missing(draw: Draw, seed: int) -> Middle:
    text = telling.expand(
        draw,
        "[Sorry, we could not find that page|Oops! That page cannot be found|The page you asked "
        "for is gone]. [It may have moved|Try a search|Go back to the front page]?",
    )
    return "Page not found", f"<h1>404</h1><p>{text}</p><form><input name=q></form>"


def _list(draw: Draw, seed: int) -> Middle:
    entries = furniture.links(furniture.related(draw, seed, draw.integer(15, 40)))
    title = telling.expand(draw, "[Archive|Category: notes|All posts|Sitemap|Tag cloud]")
    return title, f"<h1>{title}</h1><ul class='posts-list'>{entries}</ul>"


def _results(draw: Draw, seed: int) -> Middle:
    count = draw.integer(3, 200)
    entries = furniture.links(furniture.related(draw, seed, 10), "<div class=result>", "</div>")
    return "Search results", f"<h1>{count} results</h1>{entries}<a href='?page=2'>Next page</a>"


def _consent(draw: Draw, seed: int) -> Middle:
    return "Before you continue", (
        "<h1>Before you continue</h1><p>We and our partners use cookies to store and access data."
        "</p><p>By clicking Accept you agree to our cookie policy and privacy policy.</p>"
        "<button>Accept all</button><button>Reject</button><a href='/settings'>Settings</a>"
    )


def _parked(draw: Draw, seed: int) -> Middle:
    return "Domain for sale", (
        "<h1>This domain is for sale</h1><p>Buy this domain now or make an offer.</p><p>Related "
        f"searches</p><ul>{furniture.links(furniture.related(draw, seed, 6))}</ul>"
    )


def _construction(draw: Draw, seed: int) -> Middle:
    text = telling.expand(
        draw, "[Under construction|Coming soon|We will be back shortly]. [Stay tuned|Thank you]!"
    )
    return "Under construction", f"<center><h1>{text}</h1></center>"


def _empty(draw: Draw, seed: int) -> Middle:
    return "No posts", "<h1>Nothing here yet</h1><p>There are no posts in this category.</p>"


def _script_only(draw: Draw, seed: int) -> Middle:
    return "Loading", (
        '<div id="root"></div><noscript>Please enable JavaScript to use this site.</noscript>'
        '<script>document.getElementById("root").innerHTML="...";</script>'
    )


def _cart(draw: Draw, seed: int) -> Middle:
    return "Your cart", (
        "<h1>Your cart is empty</h1><p><a href='/shop'>Continue shopping</a></p><table><tr><td>"
        "Subtotal</td><td>0.00</td></tr><tr><td>Delivery</td><td>4.95</td></tr></table>"
    )


VARIANTS: dict[str, Callable[[Draw, int], Middle]] = {
    "login": _login,
    "missing": _missing,
    "list": _list,
    "results": _results,
    "consent": _consent,
    "parked": _parked,
    "construction": _construction,
    "empty": _empty,
    "script_only": _script_only,
    "cart": _cart,
}


def render(draw: Draw, site: Site, variant: str, seed: int) -> str:
    """A whole HTML document."""
    title, middle = VARIANTS[variant](draw, seed)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{escaped(title)} - {site.name}</title>
<script>{furniture.script(site)}</script></head>
<body>
<header class="header"><a class="logo" href="/">{site.name}</a>
<nav><ul>{furniture.links(furniture.menu(draw, site))}</ul></nav></header>
<div id="content">{middle}</div>
{furniture.newsletter(draw, site)}{furniture.footer(draw, site)}{furniture.cookies(draw)}</body>
</html>
"""
