"""What follows a number: scales, which multiply it, and units, which say of what."""

_SCALES = """
    1     x
    1e2   hundred
    1e3   thousand | k | tausend | tsd | mil | тыс | тысяч | 千
    1e4   万 | 萬
    1e5   lakh | lakhs
    1e6   million | millions | m | mm | mn | mio | millionen | millones | millon | milioni | milhoes | miljoen | milionow
    1e6   mln | млн | миллионов | milyon | 百万
    1e7   crore | crores
    1e8   亿 | 億
    1e9   billion | billions | b | bn | mrd | milliarden | milliards | miliardi | miljard | mld | млрд | milyar
    1e12  trillion | trillions | tn | 兆
"""

# The dimension and the size in its own unit: amounts of two dimensions are never the same.
_UNITS = """
    share 0.01           % | percent | per cent | percentage | prozent | por ciento | pour cent | por cento
    share 0.001          ‰ | per mille | permille
    points 1             percentage points | percentage point | percent points | pp | ppt | prozentpunkte
    points 0.01          basis points | basis point | bps
    dollar 1             $ | us | us$ | usd | dollar | dollars | 美元 | ドル | 달러
    euro 1               € | eur | euro | euros | 欧元 | ユーロ | 유로
    won 1                원 | won | krw
    pound 1              £ | gbp
    yen 1                ¥ | yen | jpy | 円
    yuan 1               yuan | cny | rmb | 元
    rupee 1              ₹ | inr | rupees | rs
    franc 1              chf | francs
    length 0.001         mm | millimetres | millimeters
    length 0.01          cm | centimetres | centimeters
    length 1             m | metre | metres | meter | meters
    length 1000          km | kilometre | kilometres | kilometer | kilometers | 公里 | 千米
    length 0.0254        inch | inches
    length 0.3048        foot | feet | ft
    length 0.9144        yard | yards
    length 1609.344      mile | miles
    area 4046.8564224    acre | acres
    area 10000           ha | hectare | hectares
    volume 1             litre | litres | liter | liters
    mass 0.000001        mg | milligrams
    mass 0.001           g | gram | grams
    mass 0.028349523125  oz | ounce | ounces
    mass 0.45359237      lb | lbs
    mass 1               kg | kilogram | kilograms | kilos | 公斤
    mass 1000            tonne | tonnes
    speed 1              km/h | kmh | kph | kilometres per hour | kilometers per hour
    speed 1.609344       mph | miles per hour
    speed 1.852          knots | knot
    speed 3.6            m/s | metres per second | meters per second
    time 0.001           ms | milliseconds
    time 1               sec | second | seconds
    time 60              min | minute | minutes
    time 3600            hr | hrs | hour | hours
    time 86400           day | days
    time 604800          week | weeks
    months 1             month | months
    months 12            year | years
    celsius 1            °c | ° c | celsius | degrees celsius
    fahrenheit 1         °f | ° f | fahrenheit | degrees fahrenheit
    bytes 1e3            kb
    bytes 1e6            mb
    bytes 1e9            gb
    bytes 1e12           tb
"""


def _rows(table: str, columns: int) -> list[tuple[list[str], list[str]]]:
    rows = [line.split(maxsplit=columns) for line in table.strip().splitlines()]
    return [(row[:columns], [name.strip() for name in row[columns].split("|")]) for row in rows]


SCALES = {name: float(size) for (size,), names in _rows(_SCALES, 1) for name in names}
ATTACHED = ("k", "mm", "mn", "m", "bn", "b", "tn", "x")
"""Scales as letters, which stand close to the digits."""

UNITS = {name: (dimension, float(size)) for (dimension, size), names in _rows(_UNITS, 2) for name in names}
"""By name: the dimension, and the size in the dimension's own unit."""
