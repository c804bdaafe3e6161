package unlock

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/wire"
)

// File opens a session with a key that may do all of some acts with a file, and
// returns the settings that the card tells in it. Where they need the master key
// of the application, that opens a session first.
//
// Without acts any key of the application will do. With Plain, and where anybody
// may do all of it, there may be no session, and the settings are what the card
// said in clear: desfire.Card.Session tells.
func (o *Opener) File(ctx context.Context, card *desfire.Card, p wire.Place, no wire.FileNo, acts ...inspect.Act) (*wire.FileSettings, error) {
	j, err := o.begin(ctx, card, p)
	if err != nil {
		return nil, err
	}
	fs, err := card.FileSettings(ctx, no)
	if refused := desfire.Refusal(err); refused != nil && refused.Status == wire.StatusAuthenticationError {
		return j.hidden(ctx, no, acts)
	}
	if err != nil {
		return nil, err
	}
	w, err := j.wanted(fs, no, acts)
	if err != nil {
		return nil, err
	}
	if w.free {
		err = j.free(ctx, w.task, w.keys, o.Plain)
	} else {
		err = j.open(ctx, w.task, w.keys)
	}
	if err != nil || j.opened == nil {
		return fs, err
	}
	return j.again(ctx, no, acts, fs)
}

// hidden is File where the master key reads the settings.
func (j *job) hidden(ctx context.Context, no wire.FileNo, acts []inspect.Act) (*wire.FileSettings, error) {
	file := fileWords(j.place, no)
	if err := j.open(ctx, task{"read the settings of " + file, "the settings of " + file + " are read with"}, []wire.KeyNo{masterKey}); err != nil {
		return nil, err
	}
	fs, err := j.card.FileSettings(ctx, no)
	if err != nil {
		return nil, err
	}
	w, err := j.wanted(fs, no, acts)
	if err != nil || slices.Contains(w.keys, masterKey) {
		return fs, err
	}
	// A key that has the right may have none to the settings, so that they are
	// not asked for in its session: they were told in one already.
	key, err := j.pick(ctx, w.task, w.keys)
	switch {
	case err == nil:
		return fs, j.authenticate(ctx, key)
	case w.free && (errors.As(err, new(*NoKeyError)) || errors.As(err, new(*MismatchError))):
		return fs, nil // anybody may, the master key too
	}
	return nil, err
}

// masterKey is the key that rules an application, or the card.
const masterKey wire.KeyNo = 0

// again asks for the settings in the session, and whether its key has the right.
func (j *job) again(ctx context.Context, no wire.FileNo, acts []inspect.Act, clear *wire.FileSettings) (*wire.FileSettings, error) {
	told, err := j.card.FileSettings(ctx, no)
	if desfire.Refusal(err) != nil {
		return nil, &ContradictionError{Act: j.opened.Act, Key: j.opened.No, Clear: words(clear), Err: err}
	}
	if err != nil {
		return nil, err
	}
	rights := inspect.RightsOf(told)
	for _, act := range acts {
		if g, ok := rights.Of(act); !ok || !g.Allows(j.opened.No) {
			return nil, &ContradictionError{Act: j.opened.Act, Key: j.opened.No, Clear: words(clear), Session: words(told)}
		}
	}
	return told, nil
}

// want is which keys may do what is to be done.
type want struct {
	task task
	keys []wire.KeyNo // the better first
	free bool         // anybody may do all of it
}

// wanted finds who may do all of some acts. Keys to which the rights give all of
// it come first, since what is merely free is not protected in a session either.
func (j *job) wanted(fs *wire.FileSettings, no wire.FileNo, acts []inspect.Act) (want, error) {
	w := want{task: fileTask(j.place, no, acts), free: true}
	rights, named := inspect.RightsOf(fs), inspect.RightsOf(closed(fs))
	var byName, byNeed keySet
	for _, act := range acts {
		g, ok := rights.Of(act)
		if !ok || !g.Possible() {
			return w, &NeverError{Act: fileTask(j.place, no, []inspect.Act{act}).act, Rights: words(fs), Unknown: !ok}
		}
		n, _ := named.Of(act)
		byName.and(n.Keys)
		if !g.Free {
			w.free = false
			byNeed.and(g.Keys)
		}
	}
	w.keys = slices.Clone(byName.keys)
	for _, no := range byNeed.keys {
		if !slices.Contains(w.keys, no) {
			w.keys = append(w.keys, no)
		}
	}
	if len(w.keys) == 0 && !w.free {
		return w, &NeverError{Act: w.task.act + " with one key", Rights: words(fs)}
	}
	return w, nil
}

// keySet is what several lists of keys have in common, in the order of the first.
type keySet struct {
	keys []wire.KeyNo
	any  bool // a list was there
}

func (s *keySet) and(list []wire.KeyNo) {
	if !s.any {
		s.keys, s.any = slices.Clone(list), true
		return
	}
	s.keys = slices.DeleteFunc(s.keys, func(no wire.KeyNo) bool { return !slices.Contains(list, no) })
}

// closed are settings without what anybody may: what is left is what keys may.
func closed(fs *wire.FileSettings) *wire.FileSettings {
	shut := func(r wire.AccessRights) wire.AccessRights {
		for _, a := range []*wire.Access{&r.Read, &r.Write, &r.ReadWrite, &r.Change} {
			if *a == wire.Free {
				*a = wire.Never
			}
		}
		return r
	}
	out := *fs
	out.Access, out.Additional = shut(fs.Access), nil
	for _, r := range fs.Additional {
		out.Additional = append(out.Additional, shut(r))
	}
	out.Flags &^= wire.ValueFreeGet
	return &out
}

// words are the rights of a file.
func words(fs *wire.FileSettings) string { return inspect.RightsOf(fs).Words() }

func fileTask(p wire.Place, no wire.FileNo, acts []inspect.Act) task {
	file := fileWords(p, no)
	switch len(acts) {
	case 0:
		return task{act: "look at " + file}
	case 1:
		if v, ok := verbs[acts[0]]; ok {
			return task{fmt.Sprintf(v.act, file), fmt.Sprintf(v.with, file)}
		}
		return task{act: fmt.Sprintf("%s %s", acts[0], file)}
	}
	list := string(acts[0])
	for i, act := range acts[1:] {
		if i == len(acts)-2 {
			list += " and " + string(act)
		} else {
			list += ", " + string(act)
		}
	}
	return task{act: list + " " + file}
}

// verbs say what acts do with a file, and with what that is done.
var verbs = map[inspect.Act]struct{ act, with string }{
	inspect.ActRead:          {"read %s", "%s is read with"},
	inspect.ActWrite:         {"write %s", "%s is written with"},
	inspect.ActGetValue:      {"get the value of %s", "the value of %s is read with"},
	inspect.ActDebit:         {"debit %s", "%s is debited with"},
	inspect.ActLimitedCredit: {"give limited credit to %s", "limited credit to %s is given with"},
	inspect.ActCredit:        {"credit %s", "%s is credited with"},
	inspect.ActAppend:        {"append a record to %s", "records are appended to %s with"},
	inspect.ActClear:         {"change or clear records of %s", "records of %s are changed and cleared with"},
	inspect.ActNameReader:    {"name the reader to %s", "the reader is named to %s with"},
	inspect.ActReadCounter:   {"read the counter of %s", "the counter of %s is read with"},
	inspect.ActChange:        {"change the settings of %s", "the settings of %s are changed with"},
}

// Sentence says who may do something with a file: "file 1 of F48121 is read with
// key 1 or key 3".
func Sentence(p wire.Place, no wire.FileNo, g inspect.Grant) string {
	t := fileTask(p, no, []inspect.Act{g.Act})
	switch {
	case g.Free:
		return "anybody may " + t.act
	case !g.Possible():
		return "nobody may " + t.act
	case t.with == "":
		return "to " + t.act + " takes " + KeyWords(g.Keys)
	}
	return t.with + " " + KeyWords(g.Keys)
}

// fileWords names a file as people name it.
func fileWords(p wire.Place, no wire.FileNo) string {
	if p.Fixed {
		return fmt.Sprintf("file %v", no)
	}
	return fmt.Sprintf("file %v of %s", no, short(p))
}

// short names a place in half a sentence: "F48121".
func short(p wire.Place) string {
	switch {
	case p.Fixed:
		return "the application"
	case p.Name != "":
		return fmt.Sprintf("%X", p.Name)
	case p.IsCard():
		return "the card"
	}
	return p.AID.String()
}
