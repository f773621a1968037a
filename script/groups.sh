# shellcheck shell=bash disable=SC2154
#
# groups.sh
#	  Running groups of tests and counting them, for test, test-memory,
#	  test-settings and test-upgrade.

passed=0
failed=0

# run_group TITLE COMMAND...: shows what the tests say, and counts them
run_group() {
	local title=$1 output=$work/output status=0 group_failed
	shift

	printf '\n== %s ==\n' "$title"
	as_server_user "$@" 2>&1 </dev/null | tee "$output" || status=$?

	passed=$((passed + $(count_lines "$output" ok ok)))
	group_failed=$(count_lines "$output" 'not ok' FAILED)
	if [ "$status" -ne 0 ] && [ "$group_failed" -eq 0 ]; then
		say "$title: ended with status $status"
		group_failed=1
	fi
	failed=$((failed + group_failed))
	[ "$group_failed" -eq 0 ] || show_reasons
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

# The last line of all; fails when a test did, or none ran
report_groups() {
	printf '\n%d passed, %d failed\n' "$passed" "$failed"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
