//go:build unix

package purseproof

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/purse/boltjournal"
	"github.com/go-desfire/desfire/sim"
)

// The variables with which the test runs itself as the program that debits.
const (
	childJournal = "DESFIRE_SOAK_JOURNAL"
	childReader  = "DESFIRE_SOAK_READER"
	childFrom    = "DESFIRE_SOAK_FROM"
	childTo      = "DESFIRE_SOAK_TO"
)

// killCards is how many cards the program debits from.
const killCards = 20

func TestMain(m *testing.M) {
	if path := os.Getenv(childJournal); path != "" {
		if err := debitsUntilKilled(path); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// socket carries frames of one card over a socket: its number first, then each frame
// with its length, and each answer with its length; none is a lost one.
type socket struct {
	net.Conn
	r *bufio.Reader
}

func send(w io.Writer, b []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	return err
}

func receive(r io.Reader) ([]byte, error) {
	var n [2]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint16(n[:]))
	_, err := io.ReadFull(r, b)
	return b, err
}

func (s *socket) Limits() (command, response int, framing desfire.Framing) {
	return 60, 258, desfire.FramingWrapped
}

func (s *socket) Transmit(_ context.Context, command []byte) ([]byte, error) {
	if err := send(s, command); err != nil {
		return nil, err
	}
	b, err := receive(s.r)
	if err == nil && len(b) == 0 {
		return nil, lostFrame
	}
	return b, err
}

// debitsUntilKilled is the program: it debits 1 for each request, in turn from each card,
// until the request is done, and prints its number then.
func debitsUntilKilled(path string) error {
	fmt.Println("begun")
	j, err := boltjournal.Open(path, boltjournal.Options{})
	if err != nil {
		return err
	}
	l := layoutOf("EV2", "slot")
	p, err := purse.Open(l.conf(0, j, l.keys(false, killUID(0))))
	if err != nil {
		return err
	}
	from, _ := strconv.Atoi(os.Getenv(childFrom))
	to, _ := strconv.Atoi(os.Getenv(childTo))
	for i := from; i < to; i++ {
		for try := 0; ; try++ {
			err := debitOver(p, l, i%killCards, purse.Request{ID: fmt.Sprint("r", i), Amount: 1})
			if err == nil {
				break
			}
			if try > 20 {
				return fmt.Errorf("request %d: %w", i, err)
			}
		}
		fmt.Println(i)
	}
	return j.Close()
}

func debitOver(p *purse.Purse, l *layout, card int, r purse.Request) error {
	conn, err := net.Dial("unix", os.Getenv(childReader))
	if err != nil {
		return err
	}
	s := &socket{conn, bufio.NewReader(conn)}
	if err := send(s, []byte{byte(card)}); err != nil {
		return err
	}
	c, err := desfire.Connect(context.Background(), s, &desfire.Config{Generation: l.gen})
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	_, err = p.Debit(context.Background(), c, r)
	return err
}

func killUID(i int) []byte { return []byte{0x04, 0x77, byte(i), 3, 4, 5, 6} }

// killReader serves the cards, with faults.
type killReader struct {
	mu    sync.Mutex
	cards []*sim.Card
	r     *rand.Rand
}

func (k *killReader) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	b, err := receive(r)
	if err != nil || len(b) != 1 || int(b[0]) >= len(k.cards) {
		return
	}
	card := k.cards[b[0]]
	k.mu.Lock()
	act := card.Present()
	k.mu.Unlock()
	for {
		command, err := receive(r)
		if err != nil {
			return
		}
		k.mu.Lock()
		if k.r.IntN(400) == 0 {
			card.Inject(sim.Fault{Exchange: 1, Kind: soakFaults[k.r.IntN(len(soakFaults))], Bit: k.r.IntN(200)})
		}
		answer, err := act.Transmit(context.Background(), command)
		if err != nil {
			answer = nil
		}
		answer = append([]byte(nil), answer...)
		k.mu.Unlock()
		if send(conn, answer) != nil {
			return
		}
	}
}

// TestSoakKilled debits with a journal on disk, by a program that is killed again
// and again: each request is made once.
func TestSoakKilled(t *testing.T) {
	debits, life := 120, 150*time.Millisecond
	if *soak {
		debits, life = 20000, 4*time.Second
	}
	l := layoutOf("EV2", "slot")
	k := &killReader{r: seededRand(5)}
	for i := range killCards {
		img := l.image(t, killUID(i))
		fileOf(img, valueNo).Value.Value = soakStart
		picc, err := sim.New(&sim.Config{Store: &once{image: img.Encode()}, Rand: seeded(uint64(i), "killed")})
		if err != nil {
			t.Fatal(err)
		}
		k.cards = append(k.cards, picc)
	}
	folder, err := os.MkdirTemp("", "soak") // sockets have short names
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	at, journal := filepath.Join(folder, "reader"), filepath.Join(folder, "journal")
	listener, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { k.serve(conn) })
		}
	})
	done, kills, start := 0, 0, time.Now()
	lives, longer := seededRand(6), time.Duration(1)
	for done < debits && !t.Failed() {
		n, killed := runKilled(t, done, debits, longer*life, at, journal, lives.Uint64())
		if longer = 1; n == done {
			longer = 20 // it came to nothing: this machine has much else to do
		}
		if done = n; killed {
			kills++
		}
	}
	_ = listener.Close()
	serving.Wait()
	var held int64
	for _, c := range k.cards {
		p := plastic{lay: l, picc: c}
		held += int64(p.value())
	}
	if want := int64(killCards)*soakStart - int64(debits); held != want {
		t.Errorf("the cards hold %d, want %d: %d debits of 1", held, want, debits)
	}
	countReceipts(t, journal, debits)
	if kills == 0 {
		t.Error("nothing was killed")
	}
	t.Logf("%d debits with fsync in %v, killed %d times; sums exact", debits, time.Since(start).Round(time.Second), kills)
}

// runKilled runs the program from a request on, kills it, and returns the first
// request that it has not said to be done.
func runKilled(t *testing.T, from, to int, life time.Duration, reader, journal string, seed uint64) (next int, killed bool) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childJournal+"="+journal, childReader+"="+reader, childFrom+"="+strconv.Itoa(from), childTo+"="+strconv.Itoa(to))
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	next = from
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if lines.Text() == "begun" {
			timer = time.AfterFunc(life/4+time.Duration(seed%uint64(life)), func() { _ = cmd.Process.Kill() })
		} else if text, bad := strings.CutPrefix(lines.Text(), "error: "); bad {
			t.Error(text)
		} else if i, err := strconv.Atoi(lines.Text()); err == nil {
			next = i + 1
		}
	}
	err = cmd.Wait()
	if timer == nil {
		t.Errorf("the program did not begin: %v", err)
	} else {
		timer.Stop()
	}
	return next, err != nil
}

// countReceipts compares the journal with what was asked for.
func countReceipts(t *testing.T, path string, debits int) {
	j, err := boltjournal.Open(path, boltjournal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	happened, attempts := map[string]int{}, 0
	for e, err := range j.Entries(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		attempts++
		if o := e.Outcome(); o != nil && o.Decision == purse.Happened {
			happened[e.Request]++
		} else if o == nil || o.Decision == purse.InDoubt {
			t.Errorf("%v is in doubt", e.ID)
		}
	}
	for r, n := range happened {
		if n != 1 {
			t.Errorf("request %s has %d receipts", r, n)
		}
	}
	if len(happened) != debits {
		t.Errorf("%d receipts for %d debits", len(happened), debits)
	}
	t.Logf("%d attempts", attempts)
}
