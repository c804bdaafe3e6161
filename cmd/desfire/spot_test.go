package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// spotAt is a spot as cd takes it.
func spotAt(t testing.TB, path string) spot {
	t.Helper()
	s, err := spot{}.walk(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSpotWalks(t *testing.T) {
	for _, tc := range []struct{ from, path, want string }{
		{"/", "/", "/"},
		{"/", "F48121", "/F48121"},
		{"/", "/f48121/", "/F48121"},
		{"/", "F48121/1", "/F48121/1"},
		{"/", "F48121/0x1F", "/F48121/31"},
		{"/", "card", "/"},
		{"/", "app", "/app"},
		{"/", "app/2", "/app/2"},
		{"/", "df:A0B1", "/df:A0B1"},
		{"/", "df:A0B1/3", "/df:A0B1/3"},
		{"/", "..", "/"},
		{"/F48121", "1", "/F48121/1"},
		{"/F48121", ".", "/F48121"},
		{"/F48121", "..", "/"},
		{"/F48121", "../121314/2", "/121314/2"},
		{"/F48121", "121314", "/121314"},
		{"/F48121", "121314/2", "/121314/2"},
		{"/F48121/1", "2", "/F48121/2"},
		{"/F48121/1", "..", "/F48121"},
		{"/F48121/1", "../2", "/F48121/2"},
		{"/F48121/1", "../..", "/"},
		{"/F48121/1", "/", "/"},
		{"/F48121/1", "/121314/././2", "/121314/2"},
		{"/", "1", "has no files"},
		{"/", "/1", "has no files"},
		{"/F48121", "32", "want 0 to 31"},
		{"/", "F48121/x", "is no file"},
		{"/", "F48121/121314", "is no file"},
		{"/F48121", "/F48121/x", "is no file"},
		{"/", "nothing of that name", "want an AID"},
		{"/", "F48121/1/2/x", "is no file"},
	} {
		got, err := spotAt(t, tc.from).walk(tc.path)
		switch {
		case err != nil && (strings.HasPrefix(tc.want, "/") || !strings.Contains(err.Error(), tc.want)):
			t.Errorf("%s, %s: %v", tc.from, tc.path, err)
		case err == nil && got.String() != tc.want:
			t.Errorf("%s, %s: %v, want %s", tc.from, tc.path, got, tc.want)
		}
	}
}

// What verbs are given, by where the shell is. The verbs are those of the tool.
func TestSpotArguments(t *testing.T) {
	root := verbTree()
	for _, tc := range []struct{ at, line, want string }{
		{"/", "read F48121/1", "F48121/1"},
		{"/", "read", ""},
		{"/", "read 1", "has no files"},
		{"/", "ls", ""},
		{"/", "ls /", ""},
		{"/", "key settings", "card"},
		{"/", "key version", "card"},
		{"/", "key version 0", "card 0"},
		{"/", "auth check 0", "card 0"},
		{"/", "app info", ""},
		{"/F48121", "ls", "F48121"},
		{"/F48121", "ls /", ""},
		{"/F48121", "ls ..", ""},
		{"/F48121", "ls 121314", "121314"},
		{"/F48121", "app info", "F48121"},
		{"/F48121", "key version", "F48121"},
		{"/F48121", "key version 1 2", "F48121 1 2"},
		{"/F48121", "key version /", "card"},
		{"/F48121", "key version 121314 1", "121314 1"},
		{"/F48121", "key change 1", "F48121 1"},
		{"/F48121", "key change .. 0", "card 0"},
		{"/F48121", "key set load 1", "F48121 1"},
		{"/F48121", "read 1", "F48121 1"},
		{"/F48121", "read 121314/1", "121314/1"},
		{"/F48121", "read . 1", "F48121 1"},
		{"/F48121", "read ..", "is no file"},
		{"/F48121", "read", "which file of application F48121"},
		{"/F48121", "value debit 5", "which file"},
		{"/F48121", "value debit 1 5", "F48121 1 5"},
		{"/F48121", "value debit 121314/1 5", "121314/1 5"},
		{"/F48121", "value debit 121314 1 5", "121314 1 5"},
		{"/F48121", "file create 3 standard", "F48121 3 standard"},
		{"/F48121", "uid", "F48121"},
		{"/F48121/1", "read", "F48121 1"},
		{"/F48121/1", "read 2", "F48121 2"},
		{"/F48121/1", "read ../2", "F48121 2"},
		{"/F48121/1", "read /121314/0", "121314 0"},
		{"/F48121/1", "value debit 5", "F48121 1 5"},
		{"/F48121/1", "value debit . 5", "F48121 1 5"},
		{"/F48121/1", "record update 0", "F48121 1 0"},
		{"/F48121/1", "sdm provision https://example.com", "F48121 1 https://example.com"},
		{"/F48121/1", "ls", "F48121"},
		{"/F48121/1", "key version 0", "F48121 0"},
		{"/F48121/1", "app delete F48121", "F48121"},
		{"/F48121/1", "app delete", ""},
		{"/F48121/1", "kdf", ""},
		{"/F48121/1", "dump show x.json", "x.json"},
		{"/app/2", "read", "app 2"},
		{"/df:A0B1/3", "read", "df:A0B1 3"},
	} {
		cmd, args, err := root.Find(strings.Fields(tc.line))
		if err != nil {
			t.Fatal(err)
		}
		got, err := spotAt(t, tc.at).arguments(cmd, args)
		if err != nil {
			got = []string{err.Error()}
		}
		if text := strings.Join(got, " "); text != tc.want && (err == nil || !strings.Contains(text, tc.want)) {
			t.Errorf("%s: %s: %q, want %q", tc.at, tc.line, text, tc.want)
		}
	}
}

// Every verb that takes a file works at one without naming it, and every verb
// that takes an application in one.
func TestSpotServesEveryVerb(t *testing.T) {
	at, seen := spotAt(t, "/F48121/1"), 0
	for _, cmd := range everyCommand(verbTree()) {
		names := argNames(cmd)
		if len(names) == 0 || names[0] != "APP" {
			continue
		}
		seen++
		want, rest := []string{"F48121"}, names[1:]
		if len(rest) > 0 && rest[0] == "FILE" {
			want, rest = append(want, "1"), rest[1:]
		}
		var given []string
		for range rest {
			given = append(given, "0")
		}
		got, err := at.arguments(cmd, given)
		if wanted := append(want, given...); err != nil || strings.Join(got, " ") != strings.Join(wanted, " ") {
			t.Errorf("%s: %q, want %q (%v)", cmd.CommandPath(), got, wanted, err)
		}
	}
	if seen < 20 {
		t.Errorf("%d verbs", seen)
	}
}

// A path leads to a spot, whose words lead there from everywhere; or it is an
// error, and nothing else.
func FuzzSpot(f *testing.F) {
	for _, s := range []string{"/", "F48121/1", "../2", "./..", "df:A0/3", "1", "card/1", "//", "/app/31", "app/x", "\x00", "0x1"} {
		f.Add(s)
	}
	starts := []spot{{}, spotAt(f, "/F48121"), spotAt(f, "/F48121/1")}
	cmd := &cobra.Command{Use: "read APP/FILE"}
	f.Fuzz(func(t *testing.T, path string) {
		for _, from := range starts {
			to, err := from.walk(path)
			if err != nil {
				continue
			}
			for _, start := range starts {
				if again, err := start.walk(to.String()); err != nil || again.String() != to.String() {
					t.Fatalf("%q from %v is %v, and that from %v is %v (%v)", path, from, to, start, again, err)
				}
			}
			if args, err := from.arguments(cmd, []string{path}); err == nil && len(args) == 2 {
				if got, _, err := parseTarget(cmd, args); err != nil || to.file == nil || got != (target{to.app, *to.file}) {
					t.Fatalf("%q from %v is read as %v (%v)", path, from, got, err)
				}
			}
		}
	})
}
