package trace

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// What cards answered in recordings is in the table of statuses.
func TestRecordedStatusesAreInTheTable(t *testing.T) {
	seen := 0
	for _, dir := range []string{"../testdata/traces", "../testdata/foreign"} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rec, _, err := Parse(data)
			if err != nil {
				return err
			}
			j := &joiner{framing: rec.Framing}
			var list []*message
			for i := range rec.Exchanges {
				list = append(list, j.feed(&rec.Exchanges[i])...)
			}
			for _, m := range list {
				spec := m.spec()
				if spec == nil || m.reader || !m.answered {
					continue
				}
				if m.isAuth() && len(m.frames) > 1 { // the answer to the second part
					spec = (*wire.AuthenticatePart2)(nil).Spec()
				}
				if m.status == wire.StatusAdditionalFrame && spec.Exchange == wire.Chained {
					continue // a chain that the reader gave up
				}
				seen++
				if !spec.CanAnswer(m.status) {
					t.Errorf("%s: exchange %d: %s answers %v", path, m.first(), spec.Name, m.status)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 1000 {
		t.Errorf("only %d answers", seen)
	}
}
