package sim

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-desfire/desfire/wire"
)

func parsed(t testing.TB, text string) *Faults {
	t.Helper()
	f, err := ParseFaults(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return f
}

// fare is what faultCases play: select, debit 1, commit, value.
var fare = []string{"5a563412", "dc0301000000", "c7", "6c03"}

const (
	noAnswer = "the card does not answer"
	lost     = "the answer was lost"
	gone     = "the field was lost"
	over     = "the activation is over: reconnect"
)

// Every fault, as the reader sees it and as the card's memory has it.
var faultCases = []struct {
	text     string
	answers  []string // to the fare
	value    int32    // in the memory; the fare begins at 100
	happened []int    // by fault
}{
	{"power-before@C7", []string{"00", "00", gone, over}, 100, []int{1}},
	{"power-after@C7", []string{"00", "00", gone, over}, 99, []int{1}},
	{"tear=before@C7", []string{"00", "00", gone, over}, 100, []int{1}},
	{"tear=inside@C7", []string{"00", "00", gone, over}, 100, []int{1}},
	{"tear=inside:cells=1,finish@C7", []string{"00", "00", gone, over}, 99, []int{1}},
	{"tear=after@C7", []string{"00", "00", gone, over}, 99, []int{1}},
	{"tear=inside@DC", []string{"00", "00", "00", "0063000000"}, 99, []int{0}}, // it writes nothing yet
	{"fail-write", []string{"00", "00", "ee", "0064000000"}, 100, []int{1}},
	{"fail-write@write=1", []string{"00", "00", "ee", "0064000000"}, 100, []int{1}},
	{"fail-write@write=2", []string{"00", "00", "00", "0063000000"}, 99, []int{0}},
	{"delay=1ms@C7", []string{"00", "00", "00", "0063000000"}, 99, []int{1}},
	{"lose-command@C7", []string{"00", "00", noAnswer, "0064000000"}, 100, []int{1}},
	{"cut-command@DC", []string{"00", noAnswer, "0c", "0064000000"}, 100, []int{1}},
	{"cut-command:taken@DC", []string{"00", "7e", "0c", "0064000000"}, 100, []int{1}},
	{"cut-command:keep=1,taken@6C", []string{"00", "00", "00", "7e"}, 99, []int{1}},
	{"flip-command:bit=23@DC", []string{"00", "00", "00", "0064000000"}, 100, []int{1}},
	{"flip-command:bit=21@DC", []string{"00", "00", "00", "005f000000"}, 95, []int{1}},
	{"lose-answer@C7", []string{"00", "00", lost, "0063000000"}, 99, []int{1}},
	{"cut-answer@6C", []string{"00", "00", "00", "00630000"}, 99, []int{1}},
	{"cut-answer:drop=3@6C", []string{"00", "00", "00", "0063"}, 99, []int{1}},
	{"cut-answer:keep=1@6C", []string{"00", "00", "00", "00"}, 99, []int{1}},
	{"cut-answer:drop=9@C7", []string{"00", "00", "", "0063000000"}, 99, []int{1}},
	{"flip:bit=15@6C", []string{"00", "00", "00", "0062000000"}, 99, []int{1}},
	{"flip:bit=55@6C", []string{"00", "00", "00", "0062000000"}, 99, []int{1}}, // modulo its length
	{"flip:bits=8@C7", []string{"00", "00", "ff", "0063000000"}, 99, []int{1}},
	{"late@DC", []string{"00", "the answer was late", "00", "0063000000"}, 99, []int{1}},
	{"late@C7", []string{"00", "00", "the answer was late", "00"}, 99, []int{1}},
	{"late=1ms@C7", []string{"00", "00", "00", "0063000000"}, 99, []int{1}},
	{"repeat@6C", []string{"00", "00", "00", "00"}, 99, []int{1}},
	{"repeat:unseen@C7", []string{"00", "00", "00", "0064000000"}, 100, []int{1}},
	{"late@#2..", []string{"00", "the answer was late", "00", "00"}, 99, []int{3}}, // each with the next command
	{"late=1ms@C7; late@DC", []string{"00", "the answer was late", "00", "0063000000"}, 99, []int{1, 1}},
	{"repeat:unseen@#1", []string{"00", "00", "00", "0063000000"}, 99, []int{0}},
	{"cut-command@C7", []string{"00", "00", noAnswer, "0064000000"}, 100, []int{1}},
	{"cut-command:taken,keep=1@C7", []string{"00", "00", "00", "0063000000"}, 99, []int{0}}, // it is whole
	{"repeat@#1", []string{"00", "00", "00", "0063000000"}, 99, []int{0}},                   // nothing before it
	{"forge=9100:unseen@C7", []string{"00", "00", "00", "0064000000"}, 100, []int{1}},
	{"forge=0102910C@C7", []string{"00", "00", "0c0102", "0063000000"}, 99, []int{1}},
	{"forge=9100@C7; power-after@C7", []string{"00", "00", "00", over}, 99, []int{1, 1}},
	{"hold@C7", []string{"00", "00", noAnswer, "0064000000"}, 100, []int{1}},
	{"hold:answer=9100@C7; deliver@6C", []string{"00", "00", "00", "0063000000"}, 99, []int{1, 1}},
	{"hold:answer=9100@C7; deliver:after@6C", []string{"00", "00", "00", "0064000000"}, 99, []int{1, 1}},
	{"deliver", []string{"00", "00", "00", "0063000000"}, 99, []int{0}},
	{"insert=DC0305000000@C7", []string{"00", "00", "00", "005e000000"}, 94, []int{1}},
	{"insert=C7@C7", []string{"00", "00", "0c", "0063000000"}, 99, []int{1}},
	{"insert=0084000008@C7; insert=C7:after@DC", []string{"00", "00", "0c", "0063000000"}, 99, []int{1, 1}},
	{"flip:bit=7@C7; cut-answer@6C; lose-answer@#1", []string{lost, "00", "01", "00630000"}, 99, []int{1, 1, 1}},
	{"forge=9100:unseen", []string{"00", "00", "00", "00"}, 100, []int{4}},
	{"keep-power; lose-answer@Debit", []string{"00", lost, "00", "0063000000"}, 99, []int{1}},
	{"reader=848:card=0s,write=0s,host=0s", []string{"00", "00", "00", "0063000000"}, 99, []int{4}},
}

func TestEveryFault(t *testing.T) {
	seen := map[string]bool{}
	for _, x := range faultCases {
		t.Run(x.text, func(t *testing.T) {
			f := parsed(t, x.text)
			for _, p := range f.parts {
				seen[p.kind.name] = true
			}
			var told []FaultEvent
			f.Observe = func(e FaultEvent) { told = append(told, e) }
			c := newCard(t, wire.EV2)
			script(t, c.Present(), free)
			a := f.Present(c)
			for i, command := range fare {
				if got := say(t, a, command); got != x.answers[i] {
					t.Errorf("%s answers %s, want %s", command, got, x.answers[i])
				}
			}
			c.Present() // after the next power-up
			if c.value() != x.value {
				t.Errorf("the value is %d, want %d", c.value(), x.value)
			}
			var happened []int
			total := 0
			for _, n := range f.Counts() {
				happened, total = append(happened, n.Times), total+n.Times
			}
			if strings.HasPrefix(x.text, "reader") {
				total = 0 // only counted
			}
			if !slices.Equal(happened, x.happened) || len(told) != total {
				t.Errorf("%v happened, want %v; %d told", happened, x.happened, len(told))
			}
		})
	}
	for _, n := range FaultNames() {
		if !seen[n] && n != "foreign" && n != "seed" {
			t.Errorf("%s is not tried", n)
		}
	}
}

// Which exchanges meet a condition, of ten: odd ones are C7, even ones 6C.
func TestFaultConditions(t *testing.T) {
	for when, want := range map[string][]int{
		"":                    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		"@3":                  {3},
		"@#3":                 {3},
		"@#10":                {10},
		"@#8..":               {8, 9, 10},
		"@..2":                {1, 2},
		"@#4..5":              {4, 5},
		"@C7":                 {1, 3, 5, 7, 9},
		"@0xc7":               {1, 3, 5, 7, 9},
		"@CommitTransaction":  {1, 3, 5, 7, 9},
		"@getvalue#2":         {4},
		"@6C#4..":             {8, 10},
		"@C7#2..3":            {3, 5},
		"@C7,#4..":            {5, 7, 9},
		"@every=4":            {4, 8},
		"@C7,every=2":         {3, 7},
		"@C7,once":            {1},
		"@#5..,times=2":       {5, 6},
		"@6C,every=2,times=1": {4},
		"@p=1":                {1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
	} {
		f := parsed(t, "forge=9100:unseen"+when)
		var got []int
		f.Observe = func(e FaultEvent) { got = append(got, e.Exchange) }
		a := f.Present(newCard(t, wire.EV2))
		for i := range 10 {
			say(t, a, []string{"c7", "6c03"}[i%2])
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: exchanges %v, want %v", when, got, want)
		}
	}
}

// The same text gives the same faults, whatever else is in it; another seed others.
func TestFaultsAreReproducible(t *testing.T) {
	run := func(text string) (when []int, answers string) {
		f := parsed(t, text)
		f.Observe = func(e FaultEvent) {
			if strings.HasPrefix(e.Fault, "flip") {
				when = append(when, e.Exchange)
			}
		}
		c := newCard(t, wire.EV2)
		script(t, c.Present(), free)
		a := f.Present(c)
		say(t, a, "5a563412")
		for range 300 {
			answers += say(t, a, "6c03")
		}
		return when, answers
	}
	first, answers := run("flip@p=0.1")
	if again, same := run("flip@p=0.1"); !slices.Equal(first, again) || answers != same {
		t.Error("the second run is different")
	}
	if again, _ := run("flip@p=0.1; insert=60@p=0.5"); !slices.Equal(first, again) {
		t.Error("another fault moves the first one's chances")
	}
	if other, _ := run("flip@p=0.1; seed=2"); slices.Equal(first, other) {
		t.Error("another seed gives the same")
	}
	if again, _ := run("seed=1; flip@p=0.1"); len(again) == 0 {
		t.Error("nothing happens")
	}
	if n := len(first); n < 10 || n > 60 {
		t.Errorf("%d of 301 at a probability of 0.1", n)
	}
}

func TestForeignAnswer(t *testing.T) {
	f := parsed(t, "foreign@6C#2..; seed=7")
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free)
	session := func() *Air {
		a := f.Present(c)
		say(t, a, "5a563412")
		return a
	}
	a := session()
	real := say(t, a, "6c03")
	byChance := say(t, a, "6c03")
	if byChance == real || len(byChance) != len(real) || byChance[:2] != "00" {
		t.Errorf("by chance %s instead of %s", byChance, real)
	}
	script(t, c.Present(), "5a 563412 < 00\ndc 03 01000000 < 00\nc7 < 00")
	if got := say(t, session(), "6c03"); got != real {
		t.Errorf("%s instead of that of the session before, %s", got, real)
	}
}

// Counts go on over activations, and a fault does not come back with them.
func TestFaultsOutliveActivations(t *testing.T) {
	f := parsed(t, "power-before@#2; fail-write@write=2")
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free)
	got := ""
	for range 3 {
		a := f.Present(c)
		for _, command := range fare[:3] {
			got += say(t, a, command) + " "
		}
	}
	if want := "00 " + gone + " " + over + " 00 00 00 00 00 ee "; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// Faults of the card that were planned before have their turn, too.
func TestFaultsAndInject(t *testing.T) {
	f := parsed(t, "insert=6A@6C; flip:bit=7@C7")
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free)
	a := f.Present(c)
	c.Inject(Fault{Exchange: 3, Kind: FailWrite})
	got := ""
	for _, command := range fare {
		got += say(t, a, command) + " "
	}
	if want := "00 00 ef 0064000000 "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Faults of the card need a simulated one; those of the air do not.
func TestFaultsOfOtherCards(t *testing.T) {
	c := newCard(t, wire.EV2)
	a := parsed(t, "power-after@#2; flip:bit=0").Wrap(wrapped{c.Present()})
	if got := say(t, a, "6a"); got != "80" {
		t.Error(got)
	}
	if got := say(t, a, "6a"); !strings.Contains(got, "no simulated card") {
		t.Error(got)
	}
}

// wrapped hides what is behind it.
type wrapped struct{ Transport }

func TestReaderTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := parsed(t, "reader=106:card=3ms,host=0s; delay=10ms@C7; late=20ms@6C")
		c := newCard(t, wire.EV2)
		script(t, c.Present(), free)
		a := f.Present(c)
		for i, want := range []time.Duration{3 * time.Millisecond, 3 * time.Millisecond, 18 * time.Millisecond, 23 * time.Millisecond} {
			begin := time.Now()
			answer := say(t, a, fare[i])
			air := Latency{Rate: 106}.Exchange(len(fare[i])/2, len(answer)/2, 0)
			if got := time.Since(begin); got != want+air {
				t.Errorf("%s took %v, want %v", fare[i], got, want+air)
			}
		}
	})
}

// Who still speaks to an activation that is over does not keep the relay from others.
func TestDelayAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := parsed(t, "delay=1h; reader=106")
		c := newCard(t, wire.EV2)
		a := f.Present(c)
		c.Present()
		begin := time.Now()
		if got := say(t, a, "60"); got != over {
			t.Error(got)
		}
		if d := time.Since(begin); d != 0 {
			t.Errorf("after %v", d)
		}
	})
}

// The times of a command of one byte and an answer of one, by hand.
func TestLatency(t *testing.T) {
	periods := func(n int64) time.Duration { return time.Duration(n) * time.Second / carrier }
	short := func(bit int64) time.Duration { return 2 * periods(1204+bit*(9*4+2)) }
	for rate, bit := range map[int]int64{0: 128, 106: 128, 212: 64, 424: 32, 848: 16} {
		l := Latency{Rate: rate}
		if got := l.Exchange(1, 1, 0); got != short(bit) {
			t.Errorf("%d: %v, want %v", rate, got, short(bit))
		}
		// 62 bytes take two blocks, the first confirmed.
		chained := periods(1204+1236+1172+bit*(9*64+2+9*3+2+9*4+2)) + periods(1204+bit*(9*4+2))
		if got := l.Exchange(62, 1, 0); got != chained {
			t.Errorf("%d: 62 bytes take %v, want %v", rate, got, chained)
		}
	}
	l := ReaderLatency(106)
	if d := l.Exchange(1, 1, 2) - l.Exchange(1, 1, 0); d != 2*l.Write {
		t.Errorf("two writes take %v", d)
	}
}

// A forged selection: what was held pending goes with the next commit.
func TestForgedSelection(t *testing.T) {
	f := parsed(t, "hold:answer=9100@C7#1; forge=9100:unseen@5A#2..; keep-power")
	c := newCard(t, wire.EV2)
	script(t, c.Present(), free)
	var values []int32
	for range 2 {
		a := f.Present(c)
		for _, command := range fare[:3] {
			if got := say(t, a, command); got != "00" {
				t.Fatalf("%s answers %s", command, got)
			}
		}
		values = append(values, c.value())
		a.Close()
	}
	if values[0] != 100 || values[1] != 98 {
		t.Errorf("the values are %d", values)
	}
}
