"""Skin, hair and eyes of a person, by age, gender, ethnicity and chance.

Skin tones: individual typology angles by population as in Del Bino and Bernerd, Br. J. Dermatol. 169, 2013, wide
enough to overlap. Greying: Panhard, Lozano and Loussouarn, Br. J. Dermatol. 167, 2012 (half grey at about 50, later
for darker hair). Dyed: of Koreans with grey hair 44 % dye it, women more than men and people in their fifties and
sixties the most (Jo et al., Ann. Dermatol. 25, 2013). Women's skin is a little lighter than men's everywhere (Jablonski
and Chaplin, J. Hum. Evol. 39, 2000).
"""

from __future__ import annotations

import numpy as np

from threedpain.generation.records import Eyes, Hair, Skin

TONES = {  # mean and standard deviation of the individual typology angle, degrees
    "black": (-26.0, 17.0),
    "white": (45.0, 9.0),
    "middle_eastern": (29.0, 12.0),
    "south_asian": (12.0, 16.0),
    "east_asian": (38.0, 10.0),
}
MELANIN = {  # hair, 0 blond .. 1 black
    "black": (0.95, 0.05),
    "white": (0.5, 0.25),
    "middle_eastern": (0.87, 0.1),
    "south_asian": (0.93, 0.07),
    "east_asian": (0.93, 0.07),
}
CURL = {
    "black": (0.88, 0.1),
    "white": (0.25, 0.2),
    "middle_eastern": (0.38, 0.2),
    "south_asian": (0.25, 0.17),
    "east_asian": (0.07, 0.07),
}
GREYING = {"black": 58.0, "white": 50.0, "middle_eastern": 54.0, "south_asian": 55.0, "east_asian": 56.0}
# Iris colours, linear RGB of the middle ring, and how often each population has them.
IRISES = {
    "dark_brown": (0.045, 0.020, 0.010),
    "brown": (0.105, 0.046, 0.018),
    "hazel": (0.15, 0.095, 0.035),
    "green": (0.13, 0.15, 0.07),
    "blue": (0.12, 0.20, 0.30),
    "grey": (0.20, 0.235, 0.25),
}
IRIS_SHARES = {
    "black": (0.85, 0.14, 0.01, 0, 0, 0),
    "white": (0.08, 0.27, 0.16, 0.12, 0.27, 0.10),
    "middle_eastern": (0.4, 0.42, 0.1, 0.05, 0.02, 0.01),
    "south_asian": (0.66, 0.29, 0.03, 0.01, 0.0, 0.01),
    "east_asian": (0.76, 0.23, 0.01, 0, 0, 0),
}
# Shares of women's styles by age, an assumption: with the years hair is cut shorter, set or tied; long hair is rare.
WOMEN_AGES = (45, 60, 72, 85)
WOMEN = {
    "bald": (0.002, 0.002, 0.003, 0.003),
    "buzz": (0.006, 0.004, 0.002, 0.002),
    "short": (0.04, 0.14, 0.34, 0.42),
    "medium": (0.38, 0.50, 0.46, 0.42),  # a bob
    "long": (0.50, 0.30, 0.06, 0.02),
    "tied_back": (0.04, 0.035, 0.032, 0.032),  # from the front it cannot be told from cropped hair
    "coily": (0.0, 0.0, 0.0, 0.0),
}
# Share of women whose straight hair is set or permed, by age, and the curl this gives: assumptions too.
PERMED, SET = ((50, 62, 80), (0.05, 0.3, 0.65)), (0.35, 0.62)
# Share of women with coily hair who wear it straightened, twisted, braided or under a wig, by age, an assumption.
RELAXED = ((40, 65), (0.65, 0.8))
STANDING = 0.35  # the least length of women's standing coils: cropped closer they are taken for a man's
SMOOTHER = 0.9  # women's share of men's wrinkles, an assumption after Tsukahara et al., Int. J. Cosmet. Sci. 35, 2013
LIGHTER = {"female": 2.0, "male": -2.0}  # degrees of the typology angle
# Share of the grey who dye, by age: few go on past seventy.
DYED = {
    "female": ((40, 60, 70, 80, 90), (0.6, 0.5, 0.3, 0.12, 0.05)),
    "male": ((40, 65, 75, 90), (0.12, 0.1, 0.04, 0.0)),
}
DYED_GREY = ((50, 75), (0.12, 0.3))  # what is left grey of it, by age: roots grow out between two visits
# The darkest dye, as melanin, by age: black beside skin that has paled looks hard, so the old go over to brown.
DYED_MELANIN = ((45, 70), (1.0, 0.6))
LATEST = 1.2  # standard deviations by which greying may be late: past it, one in nine, people of seventy had black hair
SCARVES = {"black": 0.06, "white": 0.02, "middle_eastern": 0.3, "south_asian": 0.14, "east_asian": 0.02}
FABRICS = (
    (0.6, 0.58, 0.54),
    (0.05, 0.05, 0.06),
    (0.3, 0.05, 0.07),
    (0.05, 0.1, 0.25),
    (0.35, 0.25, 0.15),
    (0.1, 0.2, 0.13),
    (0.45, 0.3, 0.35),
    (0.2, 0.2, 0.22),
)


def sample_skin(rng: np.random.Generator, age: float, gender: str, ethnicity: str) -> Skin:
    z, u = rng.standard_normal(8), rng.uniform(size=6)
    mean, spread = TONES[ethnicity]
    mean += LIGHTER[gender]
    tone = float(np.clip(mean + spread * np.clip(z[0], -2.2, 2.2), -60, 60))
    light = np.clip((tone - 10) / 45, 0, 1)
    older = np.clip((age - 25) / 60, 0, 1)
    freckled = (0.15 + 0.85 * (ethnicity == "white")) * light * np.clip(3 * u[0] - 2, 0, 1)
    return Skin(
        tone=round(tone, 2),
        seed=int(rng.integers(2**31)),
        freckles=float(freckled),
        moles=float(np.clip(0.25 + 0.22 * z[1] + 0.1 * older, 0, 1)),
        age_spots=float(np.clip(older * (0.75 + 0.25 * z[2]) * (0.35 + 0.65 * light), 0, 1)),
        redness=float(np.clip((0.3 + 0.2 * z[3]) * (0.3 + 0.7 * light), 0, 1)),
        wrinkles=float(np.clip(older * (0.95 + 0.2 * z[4]) * (SMOOTHER if gender == "female" else 1.0), 0, 1)),
        stubble=float(np.clip(0.35 + 0.3 * z[5], 0, 1)) if gender == "male" else 0.0,
        makeup=float(np.clip(0.55 + 0.24 * z[6], 0.05, 1)) if gender == "female" else 0.0,
    )


def sample_hair(rng: np.random.Generator, age: float, gender: str, ethnicity: str) -> Hair:
    z, u = rng.standard_normal(8), rng.uniform(size=8)
    mean, spread = MELANIN[ethnicity]
    melanin = float(np.clip(mean + spread * z[0], 0.03, 1))
    onset = GREYING[ethnicity] + 7 * np.clip(z[1], -1.3, LATEST)
    curl_mean, curl_spread = CURL[ethnicity]
    curl = float(np.clip(curl_mean + curl_spread * z[2], 0, 1))
    if gender == "female" and curl > 0.6 and u[7] < np.interp(age, *RELAXED):
        curl *= 0.35
    red = float(np.clip(3.2 * u[0] - 2.4, 0, 0.9)) * (ethnicity == "white") * (melanin < 0.75)
    thin = np.clip((age - 30) / 55, 0, 1)
    male = gender == "male"
    grey = float(1 / (1 + np.exp(-(age - onset) / 5.5)))
    seed = int(rng.integers(2**31))
    if rng.random() < np.interp(age, *DYED[gender]):
        grey *= float(np.interp(age, *DYED_GREY))
        melanin = min(melanin, float(np.interp(age, *DYED_MELANIN)))
    permed, tight = rng.random(2)
    if not male and permed < np.interp(age, *PERMED):
        curl = max(curl, SET[0] + (SET[1] - SET[0]) * tight)
    style = _style(u[1], u[2], age, male, ethnicity, curl)
    if style == "coily" and not male:
        u[5] = STANDING + (1 - STANDING) * u[5]
    return Hair(
        style=style,
        beard=_beard(u[3], u[4]) if male else "none",
        melanin=melanin,
        red=float(red),
        grey=grey,
        curl=curl,
        length=float(u[5]),
        density=float(np.clip(0.85 + 0.1 * z[3] - (0.25 if male else 0.15) * thin, 0.35, 1)),
        brow_density=float(np.clip((0.82 if male else 0.6) + 0.12 * z[4] - 0.2 * thin, 0.3, 1)),
        brow_thickness=float(
            np.clip(
                (0.64 if male else 0.3 - 0.08 * thin)
                + (0.12 if male else 0.09) * z[5]
                + 0.06 * (ethnicity in ("middle_eastern", "south_asian")),
                0.1,
                1,
            )
        ),
        headwear=FABRICS[int(u[6] * len(FABRICS))],
        seed=seed,
    )


def _style(u: float, cover: float, age: float, male: bool, ethnicity: str, curl: float) -> str:
    """A style's name from two uniform numbers."""
    if not male and cover < SCARVES[ethnicity]:
        return "headscarf"
    if cover > (0.95 if male else 0.975):
        return "cap"
    balding = 0.5 * np.clip((age - 25) / 50, 0, 1)
    if male:
        shares = {
            "bald": 0.03 + 0.3 * balding,
            "receding": 0.02 + 0.8 * balding,
            "buzz": 0.16,
            "short": 0.5,
            "medium": 0.1,
            "long": 0.03,
            "tied_back": 0.02,
            "coily": 0.0,
        }
    else:
        shares = {style: float(np.interp(age, WOMEN_AGES, by_age)) for style, by_age in WOMEN.items()}
    if curl > 0.7:  # coily hair stands instead of falling, but for what women have in twists and braids
        standing = 0.5 if male else 0.1
        shares["coily"] = shares.pop("medium") + 0.7 * shares.get("short", 0) + standing * shares["long"]
        shares["short"] *= 0.3
        shares["long"] *= 1 - standing
    total, reached = sum(shares.values()), 0.0
    for style, share in shares.items():
        reached += share / total
        if u < reached:
            return style
    return "short"


def _beard(u: float, v: float) -> str:
    if u < 0.5:
        return "none"
    return "stubble" if u < 0.68 else "full" if u < 0.84 else "moustache" if v < 0.5 else "goatee"


def sample_eyes(rng: np.random.Generator, age: float, ethnicity: str) -> Eyes:
    z, u = rng.standard_normal(6), rng.uniform()
    shares = np.cumsum(IRIS_SHARES[ethnicity])
    colour = np.array(list(IRISES.values())[int(np.searchsorted(shares, u * shares[-1]))])
    colour = np.clip(colour * np.exp(0.18 * z[:3] * 0.5 + 0.2 * z[3]), 0.004, 0.6)
    older = np.clip((age - 30) / 60, 0, 1)
    sclera = np.array((0.72, 0.68, 0.64)) * np.array((1.0, 1 - 0.03 * older, 1 - 0.12 * older)) * (1 - 0.1 * older)
    return Eyes(
        iris=tuple(map(float, colour)),
        iris_scale=float(np.clip(1 + 0.035 * z[4], 0.9, 1.1)),
        pupil=float(np.clip(0.36 + 0.05 * z[5] - 0.06 * older, 0.22, 0.55)),
        sclera=tuple(map(float, sclera)),
        seed=int(rng.integers(2**31)),
    )
