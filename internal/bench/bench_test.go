package bench_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var (
	whole = flag.Bool("whole", os.Getenv("DESFIRE_WHOLE") != "", "measure at length and print the table")
	only  = flag.String("only", "", "measure this part alone: sessions, handshakes, tcp, pcscd, purse, journal, fleets")
)

func TestMain(m *testing.M) {
	if where := os.Getenv(cardsEnv); where != "" {
		if err := beCards(where); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	os.Exit(m.Run())
}

// part is some lines of the table.
type part struct {
	name    string
	measure func(testing.TB, size) []row
}

var parts = []part{{"sessions", sessions}, {"handshakes", handshakes}, {"tcp", sockets}, {"pcscd", services}, {"purse", purses}, {"journal", journals}, {"fleets", fleets}}

// Prints the table with -whole; else nothing is timed, and each line is there.
func TestTable(t *testing.T) {
	s := few
	if *whole {
		s = all
	}
	var rows []row
	var left []string
	for _, p := range parts {
		if *only != "" && p.name != *only || !*whole && p.name == "pcscd" { // TestLiveTable
			continue
		}
		done := false
		t.Run(p.name, func(t *testing.T) {
			rows = append(rows, p.measure(t, s)...)
			done = true
		})
		if !done {
			left = append(left, p.name)
		}
	}
	if len(rows) == 0 && left == nil {
		t.Fatalf("there is no part %q", *only)
	}
	check(t, rows)
	if *whole {
		var b strings.Builder
		print(&b, rows)
		if left != nil {
			fmt.Fprintf(&b, "\nNot measured here: %s; %s.\n", strings.Join(left, ", "), "go test -v tells why")
		}
		fmt.Printf("%s\n\n%s", machine(), b.String())
	}
}

// The lines that need a real pcscd.
func TestLiveTable(t *testing.T) {
	rows := services(t, few)
	if len(rows) == 0 {
		t.Fatal("no lines")
	}
	check(t, rows)
}

func check(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		if r.what == "" || r.group == "" || r.each <= 0 || (r.ratio > 0) != (r.bare > 0) {
			t.Errorf("a line says nothing: %+v", r)
		}
	}
	var b strings.Builder
	print(&b, rows)
	for _, r := range rows {
		if !strings.Contains(b.String(), "\n  "+r.what+" ") {
			t.Errorf("the table lacks %q", r.what)
		}
	}
}
