# shellcheck shell=bash disable=SC2154
#
# groups.sh
#	  Running groups of tests and counting them, for test, test-memory,
#	  test-settings and test-upgrade.

passed=0
failed=0
skipped=0
skips=()	# what was skipped, and why

# run_group TITLE COMMAND...: shows what the tests say, and counts them
run_group() {
	local title=$1 output=$work/output status=0 group_failed skip
	shift

	printf '\n== %s ==\n' "$title"
	as_server_user "$@" 2>&1 </dev/null | tee "$output" || status=$?

	while IFS= read -r skip; do
		skips+=("$title: $skip")
		skipped=$((skipped + 1))
	done < <(list_skips "$output")
	passed=$((passed + $(count_lines "$output" ok ok) - $(grep -cE "^ok +[0-9].*$skip_mark" "$output" || true)))
	group_failed=$(count_lines "$output" 'not ok' FAILED)
	if [ "$status" -ne 0 ] && [ "$group_failed" -eq 0 ]; then
		say "$title: ended with status $status"
		group_failed=1
	fi
	failed=$((failed + group_failed))
	[ "$group_failed" -eq 0 ] || show_reasons
}

# A test that was not run says so in its line, a file of tests in its plan
skip_mark=' # [Ss][Kk][Ii][Pp]'

# What was skipped: the file, if there is one, and the reason
list_skips() {
	awk -v mark="$skip_mark" '
		/\.pl \.+ *(skipped: .*)?$/ { file = $1; sub(/.*\//, "", file); file = file ": " }
		/\.pl \.+ *skipped: / { sub(/.*\.pl \.+ *skipped: */, ""); print file $0 }
		$0 ~ "^(ok +[0-9].*|1\\.\\.0)" mark { sub("^.*" mark " *", ""); print file ($0 == "" ? "no reason given" : $0) }
	' "$1"
}

# Results stand in lines like "ok 1 - name", the Test Anything Protocol, and up
# to PostgreSQL 15 also like "test name ... ok 12 ms"
count_lines() {
	grep -cE "^$2 +[0-9]|^[t ].* \.\.\. $3( |\$)" "$1" || true
}

# What the runners left behind about tests that failed, and servers about crashes
show_reasons() {
	local file

	while read -r file; do
		printf '\n-- %s --\n' "${file#"$work/"}"
		case $file in
			# the beginning of what each test did otherwise
			*.diffs) awk '/^diff /{ line = 0 } ++line <= 100 && ++all <= 1000' "$file" ;;
			*/regress_log_*) tail -n 60 "$file" ;;
			*) grep -m 20 -E 'PANIC|TRAP|terminated by signal' "$file" || true ;;
		esac
		rm -f "$file"
	done < <(find "$work/source" -size +0 \( -name regression.diffs \
		-o -name postmaster.log -o -path '*/tmp_check/log/*' \))
}

# What was skipped, and the last line of all; fails when a test did, or none ran
report_groups() {
	if [ "$skipped" -gt 0 ]; then
		printf '\n== Skipped ==\n'
		printf '%s\n' "${skips[@]}" | sort | uniq -c |
			sed -E 's/^ *([0-9]+) (.*)/\2 (\1)/; s/ \(1\)$//'
	fi
	printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
