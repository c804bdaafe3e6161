package main

import (
	"strings"
	"testing"
)

// What is suggested for words of other tools is there, and the words are no
// verbs themselves.
func TestOtherWords(t *testing.T) {
	root := verbTree()
	for word, verbs := range otherWords {
		for _, c := range root.Commands() {
			if c.Name() == word {
				t.Errorf("%q is a verb", word)
			}
		}
		for verb := range strings.SplitSeq(strings.NewReplacer(" or ", ",", ", ", ",").Replace(verbs), ",") {
			cmd, rest, err := root.Find(strings.Fields(verb))
			if err != nil || !cmd.HasParent() || len(rest) > 1 || cmd.HasAvailableSubCommands() && len(rest) > 0 {
				t.Errorf("%s: did you mean %s: there is no such verb (%v)", word, verb, err)
			}
		}
		if code, said := complaint(word); code != exitUsage || !strings.Contains(said, "did you mean "+verbs+"?") {
			t.Errorf("desfire %s: code %d: %s", word, code, said)
		}
	}
	for words, want := range map[string]string{
		"valeu": "value", "key diagnose": "auth diagnose or trace diagnose", "value gte": "get", "app crate": "create", "file append": "record append", "LIST": "ls",
	} {
		if _, said := complaint(strings.Fields(words)...); !strings.Contains(said, "did you mean "+want+"?") {
			t.Errorf("desfire %s: %s", words, said)
		}
	}
	if _, said := complaint("qqqqqqq"); strings.Contains(said, "did you mean") {
		t.Error(said)
	}
}
