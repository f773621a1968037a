"""
walk.py
	Walks through a site in headless Chromium, as a reader does.

	walk.py FOLDER SITE [PICTURES]

FOLDER has expected.json: for each leaderboard its name, and the texts that the index
must have for it.  It may be written to.  From SITE/public/index.html every link is
followed by a click, and the page's link back.  Each page is checked by checks.js in
all views, as look.py does.  The output is that of the Test Anything Protocol.
"""

import json
import os
import sys

from selenium.webdriver.common.by import By

from look import CHECKS, start_browser, set_view, take_picture, views

number = 0


def result(is_good, name, reasons=()):
	global number
	number += 1
	print('ok' if is_good else 'not ok', number, '-', name)
	for reason in reasons:
		print('#', str(reason).replace('\n', ' '))
	sys.stdout.flush()


def check_page(browser, name, pictures):
	"""All that checks.js finds wrong, and pictures"""
	problems = []
	for view in views(name):
		set_view(browser, *view)
		told = ' '.join(filter(None, view))
		for check, found in browser.execute_script(CHECKS, {'counts': {}, 'names': {}, 'links': True}, int(view[0])).items():
			problems.extend(f'{told}: {check}: {problem}' for problem in found[:5])
		if pictures:
			take_picture(browser, os.path.join(pictures, f'site-{name[:40]}.{told}.png'.replace(' ', '-')))
	result(not problems, f'{name}: looks right', problems)


def file_of(browser):
	return browser.current_url.rsplit('/', 1)[1].removesuffix('#main')


def main(folder, site, pictures=None):
	with open(os.path.join(folder, 'expected.json'), encoding='utf-8') as file:
		boards = json.load(file)
	browser = start_browser(folder)
	try:
		set_view(browser, '1280', 'light')
		browser.get('file://' + os.path.join(os.path.abspath(site), 'public', 'index.html'))
		check_page(browser, 'index.html', pictures)
		set_view(browser, '1280', 'light')
		rows = browser.find_elements(By.CSS_SELECTOR, 'tbody tr')
		result([row.find_element(By.TAG_NAME, 'a').get_attribute('textContent') for row in rows]
			== [board['name'] for board in boards], 'the index has all leaderboards in their order')
		for row, board in zip(rows, boards):
			missing = [text for text in board['texts'] if text not in row.get_attribute('textContent')]
			result(not missing, f'{board["name"]}: leaders and movers', missing)

		for i, board in enumerate(boards):
			browser.find_elements(By.CSS_SELECTOR, 'tbody a')[i].click()
			heading = browser.find_element(By.TAG_NAME, 'h1').get_attribute('textContent')
			result(heading == board['name'], f'{board["name"]}: the link leads there', [heading])
			check_page(browser, file_of(browser), pictures)
			set_view(browser, '1280', 'light')
			browser.find_element(By.LINK_TEXT, 'All leaderboards').click()
			result(file_of(browser) == 'index.html', f'{board["name"]}: and back')
		anchors = browser.execute_script('return [...document.links].map(a => a.getAttribute("href"))')
		result(len(anchors) == len(boards) + 1, 'the index has no other link', anchors)

		browser.get('file://' + os.path.join(os.path.abspath(site), 'operator', 'index.html'))
		check_page(browser, 'operator.html', pictures)
		result(not browser.execute_script('return window.dialogs.length'), 'no name has become a script')
		messages = [m['message'] for m in browser.get_log('browser') if m['level'] in ('WARNING', 'SEVERE')]
		result(not messages, 'the browser has nothing to say', messages)
	finally:
		browser.quit()
	print(f'1..{number}')


if __name__ == '__main__':
	sys.stdout.reconfigure(encoding='utf-8')
	main(*sys.argv[1:])
