/*
 * checks.js
 *	  What is wrong with the page that is open, as a browser shows it now.
 *
 * It sees what a reader sees: elements that have boxes, computed styles, and
 * distances in pixels of the screen.  It answers with texts in lists by check;
 * a list of nothing is good.  "page" tells what is expected: numbers of visible
 * elements and texts in their order, both by selector.  "width" is that of the
 * screen: a phone's browser makes its window wider where a page asks for more.
 */
"use strict";

const [page, width] = arguments;
const problems = {};
const root = document.documentElement;
const isPage = root.localName === "html";
const isPrint = isPage && matchMedia("print").matches;
const tolerance = 1;

function check(name) {
	problems[name] = problems[name] || [];
	return (text) => problems[name].push(text);
}

function isVisible(element) {
	return element.getClientRects().length > 0;
}

function visible(selector, inside = document) {
	return [...inside.querySelectorAll(selector)].filter(isVisible);
}

function boxOf(element) {
	const box = element.getBoundingClientRect();
	return {element, left: box.left, right: box.right, top: box.top, bottom: box.bottom};
}

function overlap(a, b) {
	return Math.min(a.right, b.right) - Math.max(a.left, b.left) > tolerance
		&& Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > tolerance;
}

function isInside(a, b) {
	return a.left >= b.left - tolerance && a.right <= b.right + tolerance
		&& a.top >= b.top - tolerance && a.bottom <= b.bottom + tolerance;
}

function told(element) {
	const text = element.textContent;
	return `${element.localName} "${text.length > 40 ? text.slice(0, 40) + "..." : text}"`;
}

/* what XML cannot hold is shown as U+FFFD */
function shownAs(name) {
	return name.replace(/[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]/g, "\ufffd");
}

/* marks that keep a name's direction to itself are no part of it */
function textOf(element) {
	return element.textContent.replace(/[\u2068\u2069]/g, "");
}

/*
 * Nothing in it but what we draw, and nothing from elsewhere
 */
function checkElements() {
	const wrong = check("nothing foreign in it");
	const known = new Set(("html head meta title style body header main footer section h1 h2 p a"
		+ " div span strong bdi dl dt dd table caption thead tbody tr th td"
		+ " svg g rect path circle text").split(" "));
	for (const element of document.querySelectorAll("*")) {
		if (!known.has(element.localName))
			wrong(`element ${element.localName}`);
		for (const {name, value} of element.attributes) {
			// the pages of a site lead to each other
			const isPage = page.links && element.localName === "a" && /^[a-z0-9][a-z0-9._-]*\.html$/.test(value);
			if (/^on/.test(name) || /(href|src)$/.test(name) && !/^#/.test(value) && !isPage)
				wrong(`${element.localName} has ${name}="${value}"`);
		}
		if (element.localName === "style" && /url\(|@import/.test(element.textContent))
			wrong("a style refers to something");
	}
	for (const {name} of performance.getEntriesByType("resource"))
		wrong(`loaded ${name}`);
	for (const call of window.dialogs)
		wrong(`a name ran as a script: ${call}`);
}

/*
 * All that should be there, and names as they are
 */
function checkContent() {
	const miscounted = check("numbers of rows and marks");
	for (const [selector, expected] of Object.entries(page.counts)) {
		const found = visible(selector).length;
		if (found !== expected)
			miscounted(`${found} of ${selector}, not ${expected}`);
	}

	const wrong = check("names are text");
	for (const [selector, names] of Object.entries(page.names)) {
		const elements = visible(selector);
		names.map(shownAs).forEach((name, n) => {
			const element = elements[n];
			if (!element)
				return;
			if (element.localName !== "g") {
				if (textOf(element) !== name)
					wrong(`${told(element)} is not "${name}"`);
			} else if (!(textOf(element.querySelector("title")) + ": ").startsWith(name + ": "))
				wrong(`no title "${name}": ${told(element)}`);
			else if (![name, ""].includes(unbroken(element)) && !name.startsWith(unbroken(element)))
				wrong(`the label of "${name}" is "${unbroken(element)}"`);
		});
	}

	const nameless = check("who is cut has his whole name in a title");
	for (const text of visible("text").filter((t) => /\u2026$/.test(t.textContent))) {
		const title = text.parentNode.querySelector(":scope > title");
		if (!title || !textOf(title).startsWith(text.textContent.slice(0, -1))
				|| title.textContent.length < text.textContent.length)
			nameless(told(text));
	}
}

/* a name in a chart, as far as it is shown */
function unbroken(group) {
	return group.querySelector("text.ink").textContent.replace(/\u2026$/, "");
}

/*
 * Where it all stands
 */
function checkCharts() {
	const overlaps = check("nothing overlaps");
	const cut = check("nothing is cut");
	for (const svg of visible("svg")) {
		const frame = boxOf(svg);
		const texts = visible("text", svg).map(boxOf).filter((t) => t.right > t.left);
		const marks = visible("circle, path.thick, path.bad, path.idle", svg)
			.filter((m) => !m.closest(".series") || m.localName === "circle").map(boxOf);

		for (const part of visible("text, path, rect, circle", svg).map(boxOf)) {
			if (!isInside(part, frame))
				cut(told(part.element));
		}
		texts.sort((a, b) => a.top - b.top);
		texts.forEach((text, n) => {
			for (let k = n + 1; k < texts.length && texts[k].top < text.bottom; k++) {
				if (overlap(text, texts[k]))
					overlaps(`${told(text.element)} and ${told(texts[k].element)}`);
			}
			const mark = marks.find((m) => overlap(text, m));
			if (mark)
				overlaps(`${told(text.element)} and a ${mark.element.localName}`);
		});
	}
}

function checkLayout() {
	const cut = check("nothing is cut");
	for (const cell of visible("th, td")) {
		const content = document.createRange();
		content.selectNodeContents(cell);
		if (content.toString().trim() && !isInside(content.getBoundingClientRect(), boxOf(cell)))
			cut(told(cell));
	}
	for (const text of visible("h1, h2, p, dt, dd, caption, table, svg")) {
		if (!isInside(boxOf(text), {left: 0, right: width, top: -1e6, bottom: 1e6}))
			cut(told(text));
	}
	const wide = check("no scrolling sideways");
	if (document.scrollingElement.scrollWidth > width)
		wide(`${document.scrollingElement.scrollWidth} pixels`);
}

/*
 * Can it be read?
 */
function checkSizes() {
	const small = check("letters are large enough");
	for (const text of visible("text, h1, h2, p, dt, dd, caption, th, td, span")) {
		const svg = text.ownerSVGElement;
		const scale = svg ? boxOf(svg).right - boxOf(svg).left : 1;
		const size = parseFloat(getComputedStyle(text).fontSize)
			* scale / (svg ? svg.viewBox.baseVal.width : 1);
		if (size < 10.99)
			small(`${size.toFixed(1)} pixels: ${told(text)}`);
	}
}

function luminance(colour) {
	const [red, green, blue] = colour.match(/[\d.]+/g).slice(0, 3).map((c) => {
		c /= 255;
		return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
	});
	return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
	const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
	return (light + 0.05) / (dark + 0.05);
}

function checkContrast() {
	const faint = check("contrast");
	function require(least, colour, ground, what) {
		const found = contrast(colour, ground);
		if (found < least)
			faint(`${found.toFixed(2)} of ${colour} on ${ground}: ${what}`);
	}

	for (const svg of visible("svg")) {
		const rects = visible("rect", svg).map(boxOf);
		// the rectangle that was drawn last before a text lies behind it
		for (const text of visible("text", svg).map(boxOf)) {
			const x = (text.left + text.right) / 2, y = (text.top + text.bottom) / 2;
			const behind = rects.filter((r) => r.left <= x && r.right >= x && r.top <= y && r.bottom >= y
				&& r.element.compareDocumentPosition(text.element) & Node.DOCUMENT_POSITION_FOLLOWING);
			if (behind.length)
				require(4.5, getComputedStyle(text.element).fill,
					getComputedStyle(behind.at(-1).element).fill, told(text.element));
		}
		const grounds = new Set(visible(".paper, .band", svg).map((g) => getComputedStyle(g).fill));
		const marks = new Set(visible("[class^=dot], .bad, .idle", svg).map((m) => getComputedStyle(m).fill));
		for (const line of visible("path[class*=line]", svg))
			marks.add(getComputedStyle(line).stroke);
		for (const ground of grounds)
			marks.forEach((m) => require(3, m, ground, "a mark"));
	}

	for (const text of visible("h1, h2, p, a, dt, dd, caption, th, td, span, strong")) {
		let ground = text;
		while (ground && /^rgba\(.*, 0\)$/.test(getComputedStyle(ground).backgroundColor))
			ground = ground.parentElement;
		require(4.5, getComputedStyle(text).color,
			ground ? getComputedStyle(ground).backgroundColor : "rgb(255, 255, 255)", told(text));
	}
}

/*
 * For those who do not see it, and on paper
 */
function checkStructure() {
	const wrong = check("accessible");
	function require(condition, text) {
		if (!condition)
			wrong(text);
	}

	for (const svg of document.querySelectorAll("svg"))
		require(svg.getAttribute("role") === "img" && svg.getAttribute("aria-label"), "a chart has no label");
	if (!isPage)
		return;
	for (const landmark of ["header", "main", "footer", "h1"])
		require(document.querySelectorAll(landmark).length === 1, `not one ${landmark}`);
	for (const section of document.querySelectorAll("section"))
		require(section.getAttribute("aria-label") && section.querySelector("h2"), "a section has no name");
	for (const table of document.querySelectorAll("table"))
		require(table.caption && table.caption.textContent && table.tHead, "a table has no caption or head");
	for (const th of document.querySelectorAll("th"))
		require(th.scope === (th.closest("thead") ? "col" : "row"), `no scope: ${told(th)}`);
	require(root.lang === "en", "no language");
	require(document.title, "no title");
	const skip = document.querySelector("a.skip");
	require(skip && document.querySelector(skip.getAttribute("href")), "no way past the header");
	const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
	require(new Set(ids).size === ids.length, "an id is there twice");
}

function checkPrint() {
	const wrong = check("print");
	if (visible(".narrow svg").length || visible(".wide svg").length !== document.querySelectorAll(".wide svg").length)
		wrong("not the wide charts");
	for (const paper of [document.body, ...visible("svg .paper")]) {
		const style = getComputedStyle(paper);
		if ((paper === document.body ? style.backgroundColor : style.fill) !== "rgb(255, 255, 255)")
			wrong("paper is not white");
	}
}

/* on dark paper all is as on light paper, but for its colours */
checkContrast();
if (isPrint)
	checkPrint();
else if (!matchMedia("(prefers-color-scheme: dark)").matches) {
	checkElements();
	checkContent();
	checkCharts();
	if (isPage)
		checkLayout();
	checkSizes();
	checkStructure();
}
return problems;
