package batch_test

import (
	"encoding/csv"
	"errors"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/wire"
)

func TestTable(t *testing.T) {
	for name, text := range map[string]string{
		"comma":           "number,name\n1,Ann\n2,\"B, \"\"b\"\"\"\n",
		"semicolon":       "number;name\n1;Ann\n2;\"B, \"\"b\"\"\"\n",
		"tab":             "number\tname\n1\tAnn\n2\t\"B, \"\"b\"\"\"\n",
		"CR LF":           "number,name\r\n1,Ann\r\n2,\"B, \"\"b\"\"\"\r\n",
		"byte order mark": "\ufeffnumber,name\n1,Ann\n2,\"B, \"\"b\"\"\"",
		"empty rows":      "number, name \n\n1,Ann\n,\n2,\"B, \"\"b\"\"\"\n , \n",
	} {
		tab := table(t, text, nil)
		if tab.Rows() != 2 || strings.Join(tab.Columns(), "|") != "number|name" {
			t.Errorf("%s: %d rows, columns %q", name, tab.Rows(), tab.Columns())
			continue
		}
		r := tab.Row(1)
		if v := tab.Values(r); r.Name != "2" || v["number"] != "2" || v["name"] != `B, "b"` {
			t.Errorf("%s: %+v, %q", name, r, v)
		}
	}
	tab := table(t, "uid;number\n04:11:22:33:44:55:66;7\n04-11-22-33-44-55-67;8\n 04 11 22 33 44 55 68 ;9\n0x04112233445569;10\n0a0b0c0d;11\n", &batch.TableConfig{Name: "number", UID: "uid"})
	for i, want := range []string{"04112233445566 7 2", "04112233445567 8 3", "04112233445568 9 4", "04112233445569 10 5", "0A0B0C0D 11 6"} {
		r := tab.Row(i)
		if got := strings.Join([]string{r.UID.String(), r.Name, string(rune('0' + r.Line))}, " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	quoted := table(t, "name\n\"two\nlines\"\nthree\n", nil)
	if r := quoted.Row(1); r.Line != 4 || quoted.Values(quoted.Row(0))["name"] != "two\nlines" {
		t.Errorf("%+v", r)
	}
}

func TestTableErrors(t *testing.T) {
	for _, test := range []struct {
		name, text string
		conf       batch.TableConfig
		line       int
		column     string
		want       string
	}{
		{"empty", "", batch.TableConfig{}, 0, "", "empty"},
		{"blank", "\ufeff\n \n", batch.TableConfig{}, 0, "", "empty"},
		{"twice the same column", "a,b,a\n", batch.TableConfig{}, 1, "a", "columns 1 and 3"},
		{"the same but for blanks", "a, a\n", batch.TableConfig{}, 1, "a", "same name"},
		{"a column without a name", "a,,b\n", batch.TableConfig{}, 1, "", "column 2 has no name"},
		{"too few values", "a,b\n1,2\n3\n", batch.TableConfig{}, 3, "", "more or fewer values"},
		{"too many values", "a,b\n\n1,2,3\n", batch.TableConfig{}, 3, "", "more or fewer values"},
		{"separator in doubt", "a;b,c\n", batch.TableConfig{}, 1, "", "say which"},
		{"separator that is none", "a;b\n", batch.TableConfig{Separator: '"'}, 0, "", "cannot separate"},
		{"stray quotation mark", "a,b\n1,x\"y\n", batch.TableConfig{}, 2, "", "quotation mark"},
		{"quotation that does not end", "a,b\n1,\"x\n2,y\n", batch.TableConfig{}, 2, "", "quotation mark"},
		{"Latin 1", "a,b\n1,M\xfcller\n", batch.TableConfig{}, 2, "", "UTF-8"},
		{"UTF-16", "\xff\xfea\x00", batch.TableConfig{}, 0, "", "UTF-16"},
		{"byte 0", "a\n1\x00\n", batch.TableConfig{}, 2, "", "byte 0"},
		{"carriage returns", "a\r1\r2\r", batch.TableConfig{}, 1, "", "carriage return"},
		{"long value", "a\n" + strings.Repeat("x", 1<<17) + "\n", batch.TableConfig{}, 2, "a", "no card holds"},
		{"many columns", strings.Repeat("a,", 2000) + "b\n", batch.TableConfig{}, 1, "", "columns"},
		{"no column of that name", "a,b\n", batch.TableConfig{Name: "c"}, 1, "c", `there are "a", "b"`},
		{"no column of cards", "a,b\n", batch.TableConfig{UID: "uid"}, 1, "uid", "no such column"},
		{"a name twice", "a,b\n1,x\n2,y\n1,z\n", batch.TableConfig{Name: "a"}, 4, "a", "stands in line 2"},
		{"no name", "a,b\n1,x\n ,y\n", batch.TableConfig{Name: "a"}, 3, "a", "empty"},
		{"a card twice", "uid,b\n04112233445566,x\n04:11:22:33:44:55:66,y\n", batch.TableConfig{UID: "uid"}, 3, "uid", "stands in line 2"},
		{"no card", "uid,b\n,x\n", batch.TableConfig{UID: "uid"}, 2, "uid", "hexadecimal"},
		{"half a card", "uid,b\n041122,x\n", batch.TableConfig{UID: "uid"}, 2, "uid", "hexadecimal"},
		{"separators where none belong", "uid,b\n041:12:23:34:45:56:6,x\n", batch.TableConfig{UID: "uid"}, 2, "uid", "hexadecimal"},
	} {
		_, err := batch.ReadTable("people.csv", strings.NewReader(test.text), &test.conf)
		var e *batch.TableError
		if !errors.As(err, &e) || e.Line != test.line || e.Column != test.column || !strings.Contains(e.Reason, test.want) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// What somebody wrote into a table is no formula for a spreadsheet that opens the results;
// numbers stay what they are, and JSON has all as it is.
func TestFormulas(t *testing.T) {
	names := []string{"=1+1", "@SUM(A1)", "+1+cmd|' /C calc'!A0", "-A1", "+43 1 234", "-7", "Ann"}
	var text strings.Builder
	w := csv.NewWriter(&text)
	_ = w.Write([]string{"number", "name"})
	for _, name := range names {
		_ = w.Write([]string{name, "x"})
	}
	w.Flush()
	b := newBench(t, 0)
	b.conf.Table = table(t, text.String(), &batch.TableConfig{Name: "number"})
	b.open()
	for i, name := range names {
		b.want(picc(t, wire.EV2, i+1), batch.Done, name)
	}
	b.close()
	got, err := csv.NewReader(strings.NewReader(read(t, b.conf.Results))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"'=1+1", "'@SUM(A1)", "'+1+cmd|' /C calc'!A0", "'-A1", "+43 1 234", "-7", "Ann"} {
		if got[i+1][1] != want {
			t.Errorf("%q, want %q", got[i+1][1], want)
		}
	}
	book, err := batch.ReadBook(b.conf.Book)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := book.WriteResults(&out, batch.JSONLines, nil); err != nil || !strings.Contains(out.String(), `"row":"=1+1"`) {
		t.Errorf("%v: %s", err, out.String())
	}
}
