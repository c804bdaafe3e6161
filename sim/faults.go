package sim

import (
	"context"
	"math/rand/v2"
	"strings"
	"sync"

	"github.com/go-desfire/desfire/wire"
)

// Faults is a Relay that does what a text says, for tests of programs that use
// cards. Wrap or Present puts it between reader and card. It outlives activations,
// as every Relay: exchanges are counted on. The same text and the same commands
// give the same faults. The text is FAULT;FAULT...:
//
//	FAULT      NAME[=VALUE][:OPTION[=VALUE],...][@CONDITION,...]
//	           without a condition it happens in every exchange
//	CONDITION  #RANGE       exchanges through the relay, from 1: #3, #3..5, #3.., #..5; the # may
//	                        be left out where no INS has this form
//	           INS[#RANGE]  commands by INS, as C7, 0x54 or Debit; with #2 the second of them. AF
//	                        is the INS of what follows in a chain
//	           every=N      each Nth of the exchanges that the conditions above leave
//	           p=P          each of them with this probability
//	           times=N      at most N times; once is times=1
//	           write=RANGE  writes to the card's memory, from 1 (tear and fail-write only)
//
// What happens in an exchange happens in the order of this list, and of one kind
// in the order of the text:
//
//	delay=TIME           the command comes so much later
//	deliver              the card gets what hold has kept; :after, after the command
//	insert=HEX           the card gets this frame before the command; :after, after it
//	hold                 the card does not see the command, and the reader no answer; deliver brings it;
//	                     :answer=HEX is shown to the reader
//	lose-command         the card does not see the command, and the reader no answer
//	cut-command          the command breaks off, after :keep=N bytes or half; the card ignores it,
//	                     or with :taken takes it for a whole one
//	flip-command         a bit of the command is wrong, :bit=N from the first, or :bits=N of them; else
//	                     one by chance
//	power-before         the card loses its power before it executes the command
//	power-after          and after it has, before it answers
//	tear=WHERE           the card loses its power in a write to its memory: before, inside or after. Inside, :cells=N
//	                     are written, or half of them; the next power-up takes them back, or with
//	                     :finish finishes the write
//	fail-write           a write to the card's memory fails: it answers EEPROM_ERROR
//	reader=RATE          exchanges take as long as at a reader with 106, 212, 424 or 848 kbit/s; :card=TIME,
//	                     write=TIME, host=TIME replace assumptions: see Latency
//	late[=TIME]          the answer comes so much later; without a time, as answer to the next command
//	forge=HEX            the reader sees this answer, data and status, as 9100; :unseen, the card does not see the command
//	repeat               the reader sees the answer before this one; :unseen
//	foreign              the reader sees an answer of an earlier session to the same INS, or one by chance; :unseen
//	flip                 a bit of the answer is wrong, :bit=N from the first, or :bits=N of them
//	cut-answer           the answer lacks its last byte, or :drop=N; or it has its first :keep=N
//	lose-answer          the answer does not come; the card stays powered
//
// and for the whole:
//
//	keep-power           readers that connect or activate the card anew go on with the old activation
//	seed=N               other chances; 1 otherwise
//
// What cannot happen, as a fault of an answer that does not come, does not, and is not counted.
type Faults struct {
	Relay
	// Observe is told of each fault that happens, if not nil, in the exchange: it
	// must not call the card, nor a method of Faults. The times of a reader are none.
	Observe func(FaultEvent)

	parts []*faultPart

	state    sync.Mutex
	chances  []chance
	writes   int                // to the memory
	last     []byte             // what the reader saw last
	owed     []byte             // a late answer for the next command
	sessions int                // authentications begun
	answers  map[byte]pastSight // by INS, of this session
	past     map[byte][]byte    // by INS, of earlier sessions
}

// pastSight is an answer and its session.
type pastSight struct {
	session int
	answer  []byte
}

// FaultEvent is a fault that happens.
type FaultEvent struct {
	Exchange int    // through the relay, from 1
	INS      byte   // of the command
	Fault    string // as in the text
}

// FaultCount is how often a fault has happened.
type FaultCount struct {
	Fault string
	Times int
}

// ParseFaults reads faults. Its errors are *FaultSyntaxError.
func ParseFaults(text string) (*Faults, error) {
	parts, err := parseParts(text)
	if err != nil {
		return nil, err
	}
	f := &Faults{parts: parts, chances: make([]chance, len(parts)), answers: map[byte]pastSight{}, past: map[byte][]byte{}}
	seed := uint64(1)
	for _, p := range parts {
		switch p.kind.name {
		case "seed":
			seed = p.value.n
		case "keep-power":
			f.KeepPower = true
		}
	}
	for i := range f.chances {
		f.chances[i].rand = rand.New(rand.NewPCG(seed, uint64(i)))
	}
	f.Meet = f.meet
	return f, nil
}

// String is the text in its one canonical form, which ParseFaults reads again.
func (f *Faults) String() string {
	var all []string
	for _, p := range f.parts {
		all = append(all, p.String())
	}
	return strings.Join(all, "; ")
}

// Counts are the faults in the order of the text, settings apart.
func (f *Faults) Counts() []FaultCount {
	f.state.Lock()
	defer f.state.Unlock()
	var all []FaultCount
	for i, p := range f.parts {
		if !p.kind.global {
			all = append(all, FaultCount{p.String(), f.chances[i].happened})
		}
	}
	return all
}

func (f *Faults) counts(i int) {
	f.state.Lock()
	defer f.state.Unlock()
	f.chances[i].happened++
}

// happens counts a fault and tells of it.
func (f *Faults) happens(x *Exchange, i int) {
	f.counts(i)
	if f.Observe != nil {
		f.Observe(FaultEvent{x.N, x.INS, f.parts[i].String()})
	}
}

// due are the faults of an exchange, by their places in the text.
func (f *Faults) due(x *Exchange) []int {
	f.state.Lock()
	defer f.state.Unlock()
	switch x.INS {
	case wire.InsAuthenticate, wire.InsAuthenticateISO, wire.InsAuthenticateAES, wire.InsAuthenticateEV2First, wire.InsAuthenticateEV2NonFirst:
		f.sessions++
	}
	var all []int
	for i, p := range f.parts {
		if !p.kind.global && p.when.meets(x, &f.chances[i]) {
			all = append(all, i)
		}
	}
	return all
}

// meet is one exchange with its faults.
func (f *Faults) meet(_ context.Context, x *Exchange) ([]byte, error) {
	m := &mishap{f: f, x: x, due: f.due(x)}
	answer, err := m.play()
	if err != nil {
		return nil, err
	}
	f.state.Lock()
	defer f.state.Unlock()
	f.last = append([]byte(nil), answer...)
	return answer, nil
}
