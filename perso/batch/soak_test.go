package batch_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/perso"
	"github.com/go-desfire/desfire/perso/batch"
	"github.com/go-desfire/desfire/rekey"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

var soak = flag.Bool("soak", os.Getenv("DESFIRE_SOAK") != "", "the whole load, not a short form")

// The variables with which the test runs itself as the program that makes cards.
const (
	childFolder  = "DESFIRE_BATCH_FOLDER"
	childReaders = "DESFIRE_BATCH_READERS"
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(childFolder); folder != "" {
		if err := issue(folder, strings.Fields(os.Getenv(childReaders))); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// issue is the program: it makes each card that comes to one of the readers, until none
// comes any more, and prints what became of it.
func issue(folder string, readers []string) error {
	ctx := context.Background()
	tab, err := batch.OpenTable(filepath.Join(folder, "people.csv"), nil)
	if err != nil {
		return err
	}
	j, err := rekey.OpenJournal(filepath.Join(folder, "keys"))
	if err != nil {
		return err
	}
	b, err := batch.Open(ctx, batch.Config{
		Layouts: layouts(), Table: tab, Perso: perso.Config{Want: derived{1}, Journal: j},
		Book: filepath.Join(folder, "book"), Results: filepath.Join(folder, "results.csv"),
	})
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	var out sync.Mutex
	var failed error
	for n, addr := range readers {
		wait.Go(func() {
			for {
				link := at(addr)
				if link == nil {
					return
				}
				line := makeOne(ctx, b, link, fmt.Sprint("reader ", n))
				_ = link.Close()
				out.Lock()
				fmt.Println(line)
				out.Unlock()
			}
		})
	}
	wait.Wait()
	if err := b.Close(); err != nil {
		return err
	}
	if err := j.Close(); err != nil {
		return err
	}
	return failed
}

// makeOne makes one card and says what became of it.
func makeOne(ctx context.Context, b *batch.Batch, link *link, reader string) string {
	card, err := desfire.Connect(ctx, link, nil)
	if err != nil {
		return "none"
	}
	r, err := b.Card(ctx, card, reader)
	return fmt.Sprintf("%v,%s,%s,%q,%q", r.UID, r.Outcome, r.Row, r.Reasons, fmt.Sprint(err))
}

// TestSoak makes cards on three readers by a program that is killed in the middle of
// them, with cards that are lifted at random and others that no row is for: each row is on one
// card, each card has one row, as their images say.
func TestSoak(t *testing.T) {
	rows, kills := 100, 2
	if *soak {
		rows, kills = 1000, 3
	}
	if testing.Short() && !*soak {
		rows = 40
	}
	h := &hall{r: rand.New(rand.NewPCG(11, 4))}
	generations := []wire.Generation{wire.EV1, wire.EV2, wire.EV3}
	for n := range rows {
		h.cards = append(h.cards, &hallCard{picc: picc(t, generations[n%3], n)})
	}
	misfits := rows / 15
	for n := range misfits {
		c := picc(t, wire.D40, rows+n)
		if n%2 > 0 {
			c = occupied(t, rows+n)
		}
		h.cards = append(h.cards, &hallCard{picc: c})
	}
	h.open = len(h.cards)
	addrs := h.listen(t, 3)
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "people.csv"), []byte(people(rows)), 0o600); err != nil {
		t.Fatal(err)
	}
	counts, killed, start := map[string]int{}, 0, time.Now()
	for h.open > 0 && !t.Failed() {
		if killed < kills {
			// About as many frames lie between two kills, wherever they are in a card.
			h.mu.Lock()
			h.killAt = h.frames + rows*150/(kills+1) + h.r.IntN(200)
			h.mu.Unlock()
		}
		if run(t, h, folder, addrs, counts) {
			killed++
		} else if h.open > 0 {
			t.Fatalf("%d cards are not made after %d presentations: %v", h.open, h.offered, counts)
		}
	}
	if killed != kills {
		t.Errorf("killed %d times, want %d", killed, kills)
	}
	checkCards(t, h, rows, misfits)
	checkFiles(t, h, folder, rows)
	t.Logf("%d cards and %d misfits in %v: presented %d times, %d faults, %d frames, %d kills; outcomes %v",
		rows, misfits, time.Since(start).Round(time.Second), h.offered, h.lifts, h.frames, killed, counts)
}

// run runs the program until all cards are settled, or it is killed.
func run(t *testing.T, h *hall, folder string, addrs []string, counts map[string]int) (killed bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childFolder+"="+folder, childReaders+"="+strings.Join(addrs, " "))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	h.mu.Lock()
	h.kill = func() { killed = true; _ = cmd.Process.Kill() }
	h.mu.Unlock()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(said[max(0, len(said)-100):], "\n"))
		}
	}()
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if text, bad := strings.CutPrefix(lines.Text(), "error: "); bad {
			t.Error(text)
			continue
		}
		parts := strings.SplitN(lines.Text(), ",", 4)
		if len(parts) < 4 {
			continue // lost before it was a card, or cut off
		}
		counts[parts[1]]++
		said = append(said, lines.Text())
		switch batch.Outcome(parts[1]) {
		case batch.Done, batch.Already:
			h.settle(parts[0])
		case batch.Unfit:
			if !strings.Contains(parts[3], "this is D40") && !strings.Contains(parts[3], "has 1 DES") {
				counts["unfit by a lie"]++ // the air has altered something said in clear
				continue
			}
			h.settle(parts[0])
		case batch.NoRow:
			if strings.Contains(parts[3], "all rows of the table are taken") {
				h.settle(parts[0])
			}
		case batch.Declined, batch.Busy:
			t.Error(lines.Text())
		}
	}
	err = cmd.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil && !killed {
		t.Error(err)
	}
	return killed
}

// occupied is a card with another application in the way.
func occupied(t *testing.T, n int) *sim.Card {
	t.Helper()
	c := picc(t, wire.EV2, n)
	card, err := desfire.Connect(context.Background(), c.Present(), nil)
	if err == nil {
		err = card.CreateApplication(context.Background(), &wire.CreateApplication{AID: place.AID, KS1: wire.SettDefault, KS2: wire.NewKeySett2(wire.KeyDES, 1)})
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkCards looks at the images of all cards, without a reader.
func checkCards(t *testing.T, h *hall, rows, misfits int) {
	t.Helper()
	on := map[string]keystore.UID{}
	for n, c := range h.cards {
		img := c.picc.Image()
		if n >= rows {
			if apps := len(img.Applications); apps > 1 || apps == 1 && len(img.Applications[0].Files) > 0 {
				t.Errorf("a misfit was changed: %v", uidOf(c.picc))
			}
			continue
		}
		if len(img.Applications) != 1 || len(img.Applications[0].Files) != 1 {
			t.Errorf("card %v is not made", uidOf(c.picc))
			continue
		}
		text := string(img.Applications[0].Files[0].Data)
		if before, twice := on[text]; twice {
			t.Errorf("%q is on %v and on %v", text, before, uidOf(c.picc))
		}
		on[text] = uidOf(c.picc)
		checkKeys(t, c.picc, img)
	}
	for n := range rows {
		if text := fmt.Sprintf("%d|Person %d", 1000+n, n); on[text] == "" {
			t.Errorf("row %q is on no card", text)
		}
	}
}

// checkKeys compares the keys in the image with those that the card should hold.
func checkKeys(t *testing.T, c *sim.Card, img *sim.Image) {
	t.Helper()
	for _, k := range img.Keys {
		if k.Set != 0 || k.Application == 0 && k.No != 0 {
			continue
		}
		ref := keystore.Ref{UID: uidOf(c), Key: keystore.Number(wire.KeyNo(k.No))}
		if k.Application != 0 {
			ref.Place = place
		}
		want, err := derived{1}.secret(ref)
		if err != nil {
			t.Fatal(err)
		}
		if k.Type != "aes" || k.Version != 1 || !k.Value.Equal(wire.NewSecret(want)) {
			t.Errorf("card %v: %s is not what it should be", uidOf(c), ref.Words())
		}
	}
}

// checkFiles compares book and results with the cards.
func checkFiles(t *testing.T, h *hall, folder string, rows int) {
	t.Helper()
	book, err := batch.ReadBook(filepath.Join(folder, "book"))
	if err != nil {
		t.Fatal(err)
	}
	text := map[keystore.UID]string{}
	for _, c := range h.cards[:rows] {
		text[uidOf(c.picc)] = string(c.picc.Image().Applications[0].Files[0].Data)
	}
	entries := book.Entries()
	if len(entries) != rows {
		t.Errorf("%d cards in the book, want %d", len(entries), rows)
	}
	row := map[string]string{}
	for _, e := range entries {
		var n int
		_, _ = fmt.Sscan(e.Row, &n)
		if want := fmt.Sprintf("%d|Person %d", 999+n, n-1); e.State != batch.Made || !e.Proved || text[e.UID] != want {
			t.Errorf("book: %+v, and the card holds %q", e, text[e.UID])
		}
		row[e.UID.String()] = e.Row
	}
	f, err := os.Open(filepath.Join(folder, "results.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != rows+1 {
		t.Errorf("%d results, %v; want %d", len(lines)-1, err, rows)
	}
	for _, l := range lines[1:] {
		if row[l[0]] != l[1] || l[2] != "done" || l[4] != "card/0:01 F48121/0:01 F48121/1:01" {
			t.Errorf("result %q", l)
		}
		delete(row, l[0])
	}
	if len(row) > 0 {
		t.Errorf("without a result: %v", row)
	}
}
