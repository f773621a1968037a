"""
palette.py
	Can the colour-blind tell the series of a chart apart?

	palette.py CHART...

Each chart has its style sheet in it.  The colours of its series are shown as
those see them who lack one of the three kinds of cones, by the matrices of
Machado, Oliveira and Fernandes, "A Physiologically-based Model for Simulation of
Color Vision Deficiency" (2009), severity 1.  Every two must differ by 20 at least,
in distances of CIELAB (CIE76): 2.3 can just be noticed side by side.
The output is that of the Test Anything Protocol.
"""

import itertools
import math
import os
import re
import sys

LEAST = 20

SIGHTS = {
	'normal sight': ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
	'protanopia': (
		(0.152286, 1.052583, -0.204868),
		(0.114503, 0.786281, 0.099216),
		(-0.003882, -0.048116, 1.051998)),
	'deuteranopia': (
		(0.367322, 0.860646, -0.227968),
		(0.280085, 0.672501, 0.047413),
		(-0.011820, 0.042940, 0.968881)),
	'tritanopia': (
		(1.255528, -0.076749, -0.178779),
		(-0.078411, 0.930809, 0.147602),
		(0.004733, 0.691367, 0.303900)),
}

# linear sRGB to XYZ, by the white of D65
XYZ = (
	(0.4124564 / 0.95047, 0.3575761 / 0.95047, 0.1804375 / 0.95047),
	(0.2126729, 0.7151522, 0.0721750),
	(0.0193339 / 1.08883, 0.1191920 / 1.08883, 0.9503041 / 1.08883))


def multiply(matrix, vector):
	return [sum(m * v for m, v in zip(row, vector)) for row in matrix]


def linear(colour):
	values = (int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5))
	return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]


def lab(colour, sight):
	seen = [min(max(c, 0), 1) for c in multiply(SIGHTS[sight], linear(colour))]
	x, y, z = (t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116
		for t in multiply(XYZ, seen))
	return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def main(charts):
	number = 0
	for chart in charts:
		with open(chart, encoding='utf-8') as file:
			colours = sorted(set(re.findall(r' \.line\d\{stroke:(#[0-9a-f]{6})\}', file.read())))
		for sight in SIGHTS:
			distance, *pair = min((math.dist(lab(a, sight), lab(b, sight)), a, b)
				for a, b in itertools.combinations(colours, 2))
			number += 1
			print('ok' if len(colours) == 6 and distance >= LEAST else 'not ok', number, '-',
				f'{os.path.basename(chart)}: {sight} tells the series apart')
			print(f'# {len(colours)} colours, the nearest {distance:.1f} apart:', *pair)
	print(f'1..{number}')


if __name__ == '__main__':
	main(sys.argv[1:])
