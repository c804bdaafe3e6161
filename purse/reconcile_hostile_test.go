package purse

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
)

// forger spoils entries of reports: values of few kinds, so that they contradict and coincide.
type forger struct {
	*rand.Rand
	c   *chain
	ids []ID
}

func (f *forger) number() uint32 {
	of := []uint32{0, 1, 2, 3, 0x7FFF, 0x8000, 0xFFFF, 0x10000, 0x10001, 1<<32 - 2, 1<<32 - 1}
	return of[f.IntN(len(of))]
}

var (
	typeID   = reflect.TypeFor[ID]()
	typeTime = reflect.TypeFor[Time]()
	typeHex  = reflect.TypeFor[Hex]()
	typeRule = reflect.TypeFor[Rule]()
)

// fill sets a value, and with little odds each part of it.
func (f *forger) fill(v reflect.Value) {
	switch v.Type() {
	case typeID:
		v.Set(reflect.ValueOf(f.ids[f.IntN(len(f.ids))]))
		return
	case typeTime:
		v.Set(reflect.ValueOf(At(f.c.day.Add(time.Duration(f.IntN(5)-1) * 6 * time.Hour))))
		if f.IntN(6) == 0 {
			v.SetZero()
		}
		return
	case typeHex:
		b := make(Hex, []int{0, 1, 8, 16, 17, 24, 48, 64}[f.IntN(8)])
		if id := f.ids[f.IntN(len(f.ids))]; f.IntN(2) == 0 {
			copy(b, id.Slot(len(b)))
		}
		v.SetBytes(b)
		return
	case typeRule:
		v.Set(reflect.ValueOf(Rules()[f.IntN(len(Rules()))]))
		return
	}
	switch v.Kind() {
	case reflect.String:
		of := []string{string(Hostile), string(Accidents), string(OthersAny), string(OthersDebit), string(OthersNothing), string(FromLease), string(FromClear), string(UIDByKey), string(UIDClear), wire.SchemeD40.String(), wire.SchemeLRP.String(), "A", "B"}
		v.SetString(of[f.IntN(len(of))])
	case reflect.Bool:
		v.SetBool(f.IntN(2) == 0)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt([]int64{-1 << 31, -31, -1, 0, 1, 2, 30, 1<<31 - 1}[f.IntN(8)])
	case reflect.Uint32:
		v.SetUint(uint64(f.number()))
	case reflect.Uint8:
		v.SetUint(uint64(f.IntN(4)))
	case reflect.Array:
		v.Index(f.IntN(v.Len())).SetUint(uint64(f.IntN(3)))
	case reflect.Pointer:
		if f.IntN(3) == 0 {
			v.SetZero()
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		n := f.IntN(4)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			f.fill(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && f.IntN(3) == 0 {
				f.fill(v.Field(i))
			}
		}
	}
}

// entry is a good entry, spoiled in a few places.
func (f *forger) entry(terminal byte, seq uint32) *Entry {
	before := f.ids[f.IntN(len(f.ids))]
	e := f.c.debit(terminal, seq, uint32(1+f.IntN(3)), before, TMV{byte(f.IntN(2))})
	if f.IntN(3) > 0 {
		f.c.confirm(e)
	} else if f.IntN(2) == 0 {
		f.c.look(e, f.IntN(10), e.TMC0+1, f.c.tmv(e), int32(40+30*f.IntN(3)))
	}
	if f.IntN(2) == 0 {
		return e
	}
	v := reflect.ValueOf(e).Elem()
	for range 1 + f.IntN(3) {
		f.fill(v.Field(f.IntN(v.NumField())))
	}
	e.UID, e.App = debit30().UID, debit30().App
	if e.Policy = Hostile; f.IntN(8) == 0 {
		e.Policy = Accidents
	}
	if e.check() != nil { // the report would not be read
		return f.c.debit(terminal, seq, 1+uint32(f.IntN(1<<20)), before, TMV{1})
	}
	return e
}

// Forged reports break nothing, and their order says nothing.
func TestReconcileForgedReports(t *testing.T) {
	c := newChain(t)
	seeds := []uint64{718, 1391} // found by longer runs
	for seed := range uint64(250) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		f := &forger{rand.New(rand.NewPCG(seed, 5)), c, nil}
		for g := range byte(3) {
			for n := range uint32(4) {
				f.ids = append(f.ids, NewID(Generation{g}, n+1, [6]byte{7}))
			}
		}
		var reports []Report
		for g := range byte(3) {
			var entries []*Entry
			for n := range uint32(1 + f.IntN(4)) {
				entries = append(entries, f.entry(g, n+1))
			}
			reports = append(reports, c.of(g, 24, entries...))
		}
		conf := &Centre{Keys: oneKey{key.Zero(key.TypeAES)}, Holders: []string{"A", "B", "C"}[:f.IntN(4)]}
		books, err := Reconcile(t.Context(), conf, reports)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want := asJSON(t, books)
		for i := range 3 {
			more := slices.Concat(reports, reports[:i])
			f.Shuffle(len(more), func(i, j int) { more[i], more[j] = more[j], more[i] })
			for k := range more {
				more[k].Entries = slices.Clone(more[k].Entries)
				f.Shuffle(len(more[k].Entries), func(i, j int) {
					x := more[k].Entries
					x[i], x[j] = x[j], x[i]
				})
			}
			again, err := Reconcile(t.Context(), conf, more)
			if err != nil {
				t.Fatal(err)
			}
			if got := asJSON(t, again); got != want {
				t.Errorf("seed %d: another order, other books:\n%s\n%s", seed, want, got)
				break
			}
		}
		for _, card := range books.Cards {
			for _, x := range card.Entries {
				if x.Outcome.Decision == InDoubt && (x.Outcome.Why == "" || len(x.Outcome.Needs) == 0) || x.Outcome.Decision != InDoubt && x.Outcome.Why == "" && x.Outcome.Rule != RuleOperator && !slices.ContainsFunc(x.Entry.Outcomes, func(o Outcome) bool { return o.Why == "" }) {
					t.Errorf("seed %d: %v: %+v", seed, x.Entry.ID, x.Outcome)
				}
			}
		}
	}
}
