package perso

import (
	"context"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/wire"
)

// A transaction MAC key cannot authenticate. Before the first transaction the answer
// of CommitReaderID proves it: it enciphers the reader of the transaction before, of
// which there is none, with a key that is derived from it. The transaction is aborted,
// and the card is as it was. Under LRP a chip may count aborted ones, so nothing is
// asked there.

const tmacUnproved = "a transaction MAC key cannot authenticate: the MAC of the next transaction proves it"

// proveTMAC proves the key of a transaction MAC file, where it can be had for nothing.
func (v *verifier) proveTMAC(ctx context.Context, a *Application, f *File, fs *wire.FileSettings, w Where) error {
	k, _, ok, err := take(ctx, v.conf.Want, v.tmacRef(a.Place))
	if err != nil || !ok {
		return err
	}
	enc, why, err := v.firstReader(ctx, a.Place, f, fs)
	if err != nil && !inspect.Refused(err) && !isKeyError(err) {
		return err
	}
	if err != nil {
		v.forget()
		why = err.Error()
	}
	if why != "" {
		v.unproven(w, "key", tmacUnproved+" ("+why+")")
		return nil
	}
	is, err := readerOf(ctx, k, []byte(v.uid), enc)
	switch {
	case err != nil:
		v.unproven(w, "key", err.Error())
	case is != [16]byte{} && is != v.conf.ReaderID: // what an aborted transaction named is told by some cards
		v.differ(w, "key", "another one", "that of the key store")
	}
	return nil
}

// readerOf deciphers the answer of CommitReaderID in the first transaction.
func readerOf(ctx context.Context, k key.Key, uid []byte, enc [16]byte) ([16]byte, error) {
	keys, err := tmac.NewKeys(ctx, k, false, 1, uid)
	if err != nil {
		return [16]byte{}, err
	}
	return keys.PreviousReader(enc), nil
}

// firstReader names the reader in a transaction that is aborted, if it is the first
// one; why says why not.
func (v *verifier) firstReader(ctx context.Context, p wire.Place, f *File, fs *wire.FileSettings) (enc [16]byte, why string, err error) {
	rights := inspect.RightsOf(fs)
	read, _ := rights.Of(inspect.ActRead)
	name, _ := rights.Of(inspect.ActNameReader)
	reader, may, err := v.by(ctx, p, read)
	if err != nil || !may {
		return enc, "no key that may read its counter is at hand", err
	}
	namer, may, err := v.by(ctx, p, name)
	if err != nil || !may {
		return enc, "no key that names a reader is at hand", err
	}
	if err := v.as(ctx, p, reader, true); err != nil {
		return enc, "", err
	}
	if _, session := v.card.Session(); !session {
		return enc, "its counter is told in clear only", nil
	}
	receipt, err := v.card.ReadReceipt(ctx, f.No)
	switch {
	case err != nil:
		return enc, "", err
	case receipt.TMC != 0:
		return enc, "there were transactions", nil
	}
	if err := v.as(ctx, p, namer, true); err != nil {
		return enc, "", err
	}
	s, session := v.card.Session()
	if !session || s.Scheme != wire.SchemeEV2 {
		return enc, "it takes a session of EV2", nil
	}
	defer v.forget()
	told, err := v.card.CommitReaderID(ctx, v.conf.ReaderID)
	if err != nil {
		return enc, "", err
	}
	if err := v.card.Abort(ctx); err != nil && !inspect.Refused(err) {
		return enc, "", err
	}
	if told == nil {
		return enc, "the card did not answer with a reader", nil
	}
	return *told, "", nil
}
