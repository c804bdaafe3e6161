package trace

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// What is said of a command before its answer is there is what is said
// afterwards, as far as the command alone tells: never another name, never more
// bytes, and nothing is taken.
func TestSent(t *testing.T) {
	names, err := filepath.Glob("../testdata/traces/*.json")
	if err != nil || len(names) == 0 {
		t.Fatal("no recordings", err)
	}
	commands, alike := 0, 0
	for _, name := range names {
		rec, err := ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		asked, unasked := Explainer{Framing: rec.Framing}, Explainer{Framing: rec.Framing}
		for i := range rec.Exchanges {
			e := rec.Exchanges[i]
			before := asked.Sent(&Exchange{Command: e.Command, Framing: e.Framing, Reset: e.Reset, Preset: e.Preset})
			again := asked.Sent(&e)
			command, answer := asked.Step(&e)
			c, a := unasked.Step(&e)
			if fmt.Sprintf("%+v", before) != fmt.Sprintf("%+v", again) {
				t.Errorf("%s %d: asked twice: %+v, %+v", name, i, before, again)
			}
			if fmt.Sprintf("%+v%+v", command, answer) != fmt.Sprintf("%+v%+v", c, a) {
				t.Errorf("%s %d: asking has changed what is said: %+v, not %+v", name, i, command, c)
			}
			if before.Name != command.Name && before.Name != strings.ReplaceAll(command.Name, "LRP", "EV2") || before.More != command.More || before.Exchange != command.Exchange ||
				string(before.Raw) != string(command.Raw) || before.Cut != command.Cut {
				t.Errorf("%s %d: %+v, afterwards %+v", name, i, before, command)
			}
			if len(before.Fields) > len(command.Fields) {
				t.Errorf("%s %d: %v, afterwards %v", name, i, before.Fields, command.Fields)
			}
			commands++
			if fmt.Sprint(before.Fields, before.Channel) == fmt.Sprint(command.Fields, command.Channel) {
				alike++
			}
		}
	}
	t.Logf("%d of %d commands are explained alike", alike, commands)
	if commands < 100 || alike*10 < commands*9 {
		t.Errorf("only %d of %d commands are explained alike", alike, commands)
	}
}
