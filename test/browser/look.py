"""
look.py
	Opens charts and pages in headless Chromium and tells what is wrong with them.

	look.py FOLDER [PICTURES]

FOLDER has the files, and pages.json, which lists them with what is expected of
each.  Each is looked at in all views: at 1280, 820 and 390 pixels, in the reader's
light and dark, and a page on paper, too.  A chart is as wide as it is, so its
name says which of the widths it is for.  checks.js says what is wrong.  The
output is that of the Test Anything Protocol: a line for each file and check,
after "not ok" the views and what was found there.

With PICTURES, a folder, it also leaves pictures of all views there.
"""

import base64
import json
import os
import sys
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.service import Service

HERE = os.path.dirname(os.path.abspath(__file__))
WIDTHS = {'1280': 844, '390': 844, '820': 1180}		# and heights
FEW = 5			# problems of one kind and view that are told

# a script in a name would ask for a dialog
CATCH_DIALOGS = '''
	window.dialogs = [];
	window.alert = window.confirm = window.prompt = (text) => void dialogs.push(text);
'''


def start_browser(folder):
	options = webdriver.ChromeOptions()
	options.binary_location = '/usr/bin/chromium'
	for option in (
			'headless=new',
			# its sandbox needs rights that containers withhold, and the pages are ours
			'no-sandbox',
			# /dev/shm is small in containers
			'disable-dev-shm-usage',
			'disable-gpu',
			'disable-background-networking',
			'no-first-run',
			'user-data-dir=' + os.path.join(folder, 'chromium')):
		options.add_argument('--' + option)
	options.set_capability('goog:loggingPrefs', {'browser': 'ALL'})
	# it writes into the home as well, and a server's user may have none
	service = Service('/usr/bin/chromedriver', env=dict(os.environ, HOME=folder))
	browser = webdriver.Chrome(service=service, options=options)
	browser.execute_cdp_cmd('Page.addScriptToEvaluateOnNewDocument', {'source': CATCH_DIALOGS})
	return browser


def set_view(browser, width, theme, media=''):
	browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
		'width': int(width), 'height': WIDTHS[width], 'deviceScaleFactor': 1,
		'mobile': width != '1280'})
	browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'media': media, 'features': [
		{'name': 'prefers-color-scheme', 'value': theme}]})


def views(name):
	if not name.endswith('.svg'):
		for width in WIDTHS:
			yield from ((width, 'light', ''), (width, 'dark', ''))
		yield ('1280', 'dark', 'print')
		yield ('390', 'light', 'print')
	else:
		width = '390' if '-358' in name else '1280'
		yield from ((width, 'light', ''), (width, 'dark', ''))


def look_at(browser, folder, page, pictures):
	"""Problems of a file by check"""
	name = page['file']
	found = {'silent': []}
	set_view(browser, *next(views(name)))
	browser.get('file://' + urllib.parse.quote(os.path.join(folder, name)))
	for view in views(name):
		told = ' '.join(filter(None, view))
		set_view(browser, *view)
		try:
			answer = browser.execute_script(CHECKS, page, int(view[0]))
		except JavascriptException as error:
			# so broken that not even its parts are found
			answer = {'silent': [error.msg]}
		for check, problems in answer.items():
			kept = found.setdefault(check, [])
			kept.extend(f'{told}: {problem}' for problem in problems[:FEW])
			if len(problems) > FEW:
				kept.append(f'{told}: {len(problems) - FEW} more')
		if pictures:
			take_picture(browser, os.path.join(pictures, f'{name}.{told}.png'.replace(' ', '-')))
	if not name.endswith('.svg'):
		paper = browser.execute_cdp_cmd('Page.printToPDF', {})
		if not base64.b64decode(paper['data']).startswith(b'%PDF'):
			found['silent'].append('no PDF')
	for message in browser.get_log('browser'):
		if message['level'] in ('WARNING', 'SEVERE'):
			found['silent'].append(message['message'])
	return found


def take_picture(browser, path):
	picture = browser.execute_cdp_cmd('Page.captureScreenshot', {'captureBeyondViewport': True, 'clip': {
		'x': 0, 'y': 0, 'scale': 1, **browser.execute_script('''
			const root = document.documentElement;
			return {width: Math.max(innerWidth, root.scrollWidth),
				height: Math.min(root.localName === "svg" ? root.getBoundingClientRect().height
					: root.scrollHeight, 12000)};''')}})
	with open(path, 'wb') as file:
		file.write(base64.b64decode(picture['data']))


def main(folder, pictures=None):
	folder = os.path.abspath(folder)
	with open(os.path.join(folder, 'pages.json'), encoding='utf-8') as file:
		pages = json.load(file)
	browser = start_browser(folder)
	number = 0
	try:
		for page in pages:
			for check, problems in look_at(browser, folder, page, pictures).items():
				number += 1
				print('not ok' if problems else 'ok', number, '-', f'{page["file"]}: {check}')
				for problem in problems:
					print('#', problem.replace('\n', ' '))
			sys.stdout.flush()
	finally:
		browser.quit()
	print(f'1..{number}')


with open(os.path.join(HERE, 'checks.js'), encoding='utf-8') as file:
	CHECKS = file.read()

if __name__ == '__main__':
	sys.stdout.reconfigure(encoding='utf-8')
	main(*sys.argv[1:])
