package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// money is what the page remembers of purses besides the journal.
type money struct {
	mu    sync.Mutex
	looks map[string]*purseLook     // by reader and file
	terms map[valueFile]*purseTerms // that a person said
	jobs  map[string]string         // the last job with a purse, by reader
}

func newMoney() *money {
	return &money{looks: map[string]*purseLook{}, terms: map[valueFile]*purseTerms{}, jobs: map[string]string{}}
}

func (s *Server) purseRoutes() {
	s.view("purse", func(w http.ResponseWriter, r *http.Request) { s.renderPurse(w, r, nil) })
	s.view("purse-job", s.purseJob)
	s.view("purse-report", s.purseReport)
	s.view("purse-receipt", s.purseReceipt)
	s.action("purse-again", s.purseAgain)
	s.action("purse-terms", s.purseTerms)
	s.action("purse-change", s.purseChange)
	s.action("purse-settle", s.purseSettle)
	s.action("purse-decide", s.purseDecide)
	s.action("purse-unblock", s.purseUnblock)
	s.action("purse-reconcile", s.purseReconcile)
}

// openEntries are the changes that are open on a card, the newest first; all that are
// open, if uid is empty.
func (s *Server) openEntries(ctx context.Context, uid []byte) ([]ledgerRow, error) {
	text := fmt.Sprintf("%X", uid)
	rows, err := s.ledgers.cards.opens(ctx, text)
	if err != nil || s.ledgers.play == s.ledgers.cards {
		return rows, err
	}
	more, err := s.ledgers.play.opens(ctx, text)
	return append(rows, more...), err
}

// renderPurse answers with the view; problem is what went wrong with what was asked for.
func (s *Server) renderPurse(w http.ResponseWriter, r *http.Request, problem error) {
	v, err := s.viewPurse(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	v.Error = problem
	s.render(w, r, "purse", v)
}

// readerAsked is the reader that the address of the page names. What is posted names the
// reader that it is for, and that of the address beside it, so that the page stays what it is.
func readerAsked(r *http.Request) string {
	if r.Method == http.MethodPost {
		return r.FormValue("asked")
	}
	return r.FormValue("reader")
}

func (s *Server) viewPurse(r *http.Request) (*purseView, error) {
	ctx := r.Context()
	v := &purseView{RequestID: "page-" + randomText(5), Pick: ledgerPick{Open: r.FormValue("open") != "", Text: strings.TrimSpace(r.FormValue("find"))}, ReaderAsked: readerAsked(r), EntryAsked: r.FormValue("entry")}
	n, _ := strconv.Atoi(r.FormValue("page"))
	var err error
	rd := s.readerOf(r)
	v.ledger = s.ledgers.named(r.FormValue("of"), rd)
	v.says(s.ledgers)
	if v.List, err = v.ledger.page(ctx, v.Pick, n); err != nil {
		return nil, err
	}
	here, err := s.purseOnCard(ctx, rd, r.FormValue("file"), v)
	if err != nil {
		return nil, err
	}
	if err := s.purseEntry(ctx, rd, v, here); err != nil {
		return nil, err
	}
	if v.Job != nil && v.Job.Over() && v.Entry != nil && v.Entry.Looked {
		if x, ok := v.Job.Data.(*purseResult); ok && x.Lost && x.Entry == v.Entry.Entry.ID.String() {
			v.Job = nil // with the card back, its entry says more
		}
	}
	opens, err := v.ledger.opens(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, row := range opens {
		if row.Card.UID != v.UID && len(v.Away) < 5 {
			v.Away = append(v.Away, awayOf(ctx, v.ledger, row))
		}
	}
	return v, nil
}

// purseOnCard puts into the view what lies on the reader, and returns what a look found.
func (s *Server) purseOnCard(ctx context.Context, rd *reader, file string, v *purseView) (*purse.View, error) {
	if rd == nil {
		v.Empty, v.EmptyDo = "No reader", "Plug one in: it appears here by itself. The journal stays to be read."
		return nil, nil
	}
	v.Reader = rd.id
	l := rd.look()
	v.Job = s.purseJobOf(rd)
	if v.Job != nil {
		v.Turn = v.Job.ID
	}
	if l.job != nil && !l.job.own && (v.Job == nil || v.Job.ID != l.job.id) {
		busy := l.job.view()
		v.Busy = &busy
	}
	switch {
	case l.stay == nil && rd.simulated:
		v.Empty, v.EmptyDo = "No card lies on the simulated reader", "Put one there in the view Play, or return the one that was lifted."
		return nil, nil
	case l.stay == nil:
		v.Empty, v.EmptyDo = "Lay a card on the reader", rd.name+" is ready. Hold the card still for a second."
		return nil, nil
	case l.stay.card == nil && l.stay.err != nil:
		v.Empty, v.EmptyDo = "The card could not be read", l.stay.err.Error()
		return nil, nil
	case l.stay.card == nil:
		v.Empty, v.EmptyDo = "The card is being read", "This takes a moment."
		return nil, nil
	}
	v.UID = fmt.Sprintf("%X", l.stay.uid)
	if l.stay.random {
		v.UID = ""
	}
	found, hidden := valueFiles(l.stay.card)
	f := s.chosenFile(rd, found, file)
	if f == nil && (l.stay.reading || l.stay.card.Applications == nil) {
		v.Empty, v.EmptyDo = "The card is being read", "This takes a moment."
		if m := l.stay.card.MissingPart(inspect.PartApplications); m != nil && !l.stay.reading {
			v.Empty, v.EmptyDo = "Its applications are not known", m.Words()+"."
		}
		return nil, nil
	}
	if f == nil {
		v.Empty, v.EmptyDo = "No value file on this card", "A purse is a value file of an application. The Layout view can make one."
		if len(hidden) > 0 {
			v.EmptyDo = "None that it tells of: the files of " + strings.Join(hidden, ", ") + " are told to holders of a key only."
		}
		return nil, nil
	}
	for i := range found {
		v.Files = append(v.Files, fileChoice{found[i].String(), found[i].Words(), found[i].valueFile == f.valueFile})
	}
	v.File, v.Title, v.About = f.String(), f.Words(), aboutFile(f)
	var look *purseLook
	if l.stay.reading { // it is looked at when that has ended
		s.money.mu.Lock()
		look = s.money.before(rd, l.stay, *f)
		s.money.mu.Unlock()
	} else {
		look = s.lookInPurse(rd, l.stay, *f)
	}
	if look.ended != nil { // most cards are quick
		select {
		case <-look.ended:
		case <-time.After(lookWait):
		case <-ctx.Done():
		}
	}
	s.money.mu.Lock()
	found1 := *look
	s.money.mu.Unlock()
	v.Reading = !found1.done
	v.Values = valuesOf(f, found1.view)
	if found1.err != nil {
		v.Problem = problemOf(f, found1.err)
	}
	if found1.uid != "" {
		v.UID = found1.uid
	}
	if n := len(v.UID); n >= 4 {
		v.Digits = v.UID[n-4:]
	}
	if err := s.purseCan(ctx, rd, v, f, &found1); err != nil {
		return nil, err
	}
	return found1.view, nil
}

// aboutFile says how changes of a file are proved.
func aboutFile(f *foundFile) string {
	fs := f.File.Settings
	about := "A value file in mode " + strings.ToLower(f.File.Comm)
	if g, ok := inspect.RightsOf(fs).Of(inspect.ActDebit); ok {
		about += ", debited by " + whoMay(g)
	}
	if t := f.tmac(); t != nil {
		about += fmt.Sprintf(". The card proves each change by transaction MAC file %d", t.No)
	} else {
		about += ". No transaction MAC file proves its changes"
	}
	return about + "."
}

func whoMay(g inspect.Grant) string {
	if g.Free {
		return "anybody"
	}
	if !g.Possible() {
		return "nobody"
	}
	return g.Who()
}

// purseCan finds out which changes may be made.
func (s *Server) purseCan(ctx context.Context, rd *reader, v *purseView, f *foundFile, look *purseLook) error {
	if look.conf == nil {
		return nil
	}
	app := purse.CardApp{UID: look.uid, App: look.conf.Place.String()}
	state, err := s.ledgers.of(rd).State(ctx, app)
	if err != nil {
		return &purse.JournalError{Err: err}
	}
	open, err := s.ledgers.of(rd).Open(ctx, app)
	if err != nil {
		return &purse.JournalError{Err: err}
	}
	if state != nil && state.Blocked != "" {
		v.Blocked = &blockedView{app.UID, app.App, state.Blocked}
	}
	v.Turn = strings.NewReplacer("/", "-", ":", "-").Replace(v.UID + "-" + v.File + "-" + v.Turn)
	terms := s.termsFor(f.valueFile)
	v.Terms = s.termsView(rd, f, look.conf, terms)
	conf := *look.conf
	if !s.isPurse(rd, f.valueFile) && terms != nil {
		conf.Others = terms.Others
	}
	v.Certainty = conf.Certainty(s.hasTMKey(ctx, &conf, look.uid)).Words
	rights := inspect.RightsOf(f.File.Settings)
	add := func(act inspect.Act, word, name string) {
		if g, ok := rights.Of(act); ok && s.mayUse(ctx, g, f.Place, look.uid) {
			v.Can = append(v.Can, changeKind{word, name})
		}
	}
	add(inspect.ActDebit, "debit", "Debit")
	add(inspect.ActCredit, "credit", "Credit")
	if f.File.Settings.Flags.Has(wire.ValueLimitedCredit) {
		add(inspect.ActLimitedCredit, "limited", "Limited credit")
	}
	switch {
	case v.Blocked != nil:
		v.Why = "Nothing is taken from a card that is blocked."
	case open != nil:
		v.Why = "No new change while an entry of this card is open: find out first what became of it."
	case v.Terms != nil && v.Terms.Needed:
		v.Why = "This file takes no receipt of itself. Say below what others do with it, so that a change whose answer is lost can be found out."
	case len(v.Can) == 0:
		v.Why = "The keys of this process do not move this value."
	}
	v.RequestID = "page-" + randomText(5)
	return nil
}

// mayUse reports whether a key of the process has a right, or anybody has it.
func (s *Server) mayUse(ctx context.Context, g inspect.Grant, p wire.Place, uid string) bool {
	if g.Free {
		return true
	}
	for _, no := range g.Keys {
		if _, ok, err := s.keys().Has(ctx, keystore.Ref{UID: uidOf(uid), Place: p, Key: keystore.Number(no)}); ok && err == nil {
			return true
		}
	}
	return false
}

// purseEntry opens the entry that is asked for, or the one that is open on the card.
func (s *Server) purseEntry(ctx context.Context, rd *reader, v *purseView, look *purse.View) error {
	var id purse.ID
	switch {
	case v.EntryAsked != "":
		if err := id.UnmarshalText([]byte(v.EntryAsked)); err != nil {
			return fmt.Errorf("%q names no entry of the journal", v.EntryAsked)
		}
	case look != nil && look.Open != nil:
		id = look.Open.ID
	case len(v.List.Rows) > 0:
		id = v.List.Rows[0].ID
	default:
		return nil
	}
	e, err := v.ledger.Entry(ctx, id)
	switch {
	case err != nil:
		return &purse.JournalError{Err: err}
	case e == nil:
		v.Error = fmt.Errorf("there is no entry %v in the journal", id)
		return nil
	}
	v.Entry = entryOf(e, look, v.UID != "" && e.UID == v.UID && v.ledger == s.ledgers.of(rd))
	f := entryFile(e)
	v.Entry.Foreign = e.Policy == purse.Hostile && !s.isPurse(rd, f)
	state, err := v.ledger.State(ctx, e.CardApp)
	if err != nil {
		return &purse.JournalError{Err: err}
	}
	if state != nil {
		v.Entry.Blocked = state.Blocked
	}
	return nil
}

// entryFile is the value file that an entry moves first.
func entryFile(e *purse.Entry) (f valueFile) {
	f.Place, _ = wire.ParsePlace(e.App)
	if len(e.Moves) > 0 {
		f.No = e.Moves[0].File
	}
	return f
}

// awayOf says of an open entry whose card is not here what its value will tell.
func awayOf(ctx context.Context, l *ledger, row ledgerRow) awayEntry {
	a := awayEntry{ID: row.ID.String(), Number: entryNo(row.ID), UID: row.Card.UID}
	e, err := l.Entry(ctx, row.ID)
	if err != nil || e == nil || len(e.Values) == 0 || len(e.Moves) == 0 {
		return a
	}
	m, before := e.Moves[0], int64(e.Values[0].Value)
	verb := "takes"
	if m.Kind != purse.Debit {
		verb = "adds"
	}
	a.Words = fmt.Sprintf("Its value was %s and the %s %s %s. ", grouped(before), m.Kind.Words(), verb, grouped(m.Amount))
	if e.Others == purse.OthersNothing {
		a.Words += fmt.Sprintf("%s says that it happened, %s that it did not, as long as nobody else moves it.", grouped(before+m.Signed()), grouped(before))
	} else {
		a.Words += "Its value alone does not decide, since others move it too: what the card proves of its last transactions does."
	}
	return a
}

// purseQuery are the parts of an address that stay from one fragment to the next.
func (v *purseView) Query(entry string, page int) string {
	q := url.Values{"reader": {v.ReaderAsked}, "entry": {entry}, "page": {strconv.Itoa(page)}, "find": {v.Pick.Text}, "file": {v.File}, "of": {v.Of}}
	if v.Pick.Open {
		q.Set("open", "1")
	}
	for k, x := range q {
		if slices.Equal(x, []string{""}) {
			q.Del(k)
		}
	}
	return q.Encode()
}
