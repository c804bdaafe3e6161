package perso

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/wire"
)

// createFile makes a file with some settings.
func (r *runner) createFile(ctx context.Context, a *Application, f *File, made wire.FileSettings, value int32, as who) error {
	var cmd wire.FileCreation
	switch s := &made; s.Type {
	case wire.FileStandard:
		cmd = &wire.CreateStdDataFile{File: f.No, FID: f.ISOID, Option: s.Option, Access: s.Access, Size: s.Size}
	case wire.FileBackup:
		cmd = &wire.CreateBackupDataFile{File: f.No, FID: f.ISOID, Option: s.Option, Access: s.Access, Size: s.Size}
	case wire.FileValue:
		cmd = &wire.CreateValueFile{File: f.No, Option: s.Option, Access: s.Access, Lower: s.Lower, Upper: s.Upper, Value: value, Flags: s.Flags}
	case wire.FileLinearRecord:
		cmd = &wire.CreateLinearRecordFile{File: f.No, FID: f.ISOID, Option: s.Option, Access: s.Access, RecordSize: s.RecordSize, MaxRecords: s.MaxRecords}
	case wire.FileCyclicRecord:
		cmd = &wire.CreateCyclicRecordFile{File: f.No, FID: f.ISOID, Option: s.Option, Access: s.Access, RecordSize: s.RecordSize, MaxRecords: s.MaxRecords}
	case wire.FileTransactionMAC:
		secret, version, err := r.tmacKey(ctx, a.Place)
		if err != nil {
			return err
		}
		defer clear(secret)
		cmd = &wire.CreateTransactionMACFile{
			File: f.No, Option: s.Option, Access: s.Access, KeyOption: wire.TMKeyAES, Key: wire.NewSecret(secret), KeyVersion: version,
		}
	default:
		return fmt.Errorf("perso: a file of type %v cannot be made", s.Type)
	}
	if err := r.as(ctx, a.Place, as, true); err != nil {
		return err
	}
	err := r.card.CreateFile(ctx, cmd)
	refused := inspect.Refused(err) && (errors.Is(err, wire.StatusPermissionDenied) || errors.Is(err, wire.StatusParameterError))
	if std, ok := cmd.(*wire.CreateStdDataFile); ok && refused && std.Option.Has(wire.OptionSDM) {
		// Some EV3 take the option of secure dynamic messaging afterwards only.
		std.Option &^= wire.OptionSDM
		r.forget()
		if err := r.as(ctx, a.Place, as, true); err != nil {
			return err
		}
		return r.card.CreateFile(ctx, cmd)
	}
	return err
}

func (r *ring) tmacRef(p wire.Place) keystore.Ref {
	return keystore.Ref{UID: r.uid, Place: p, Key: keystore.RoleTransactionMAC.ID()}
}

// tmacKey is the key of a transaction MAC file, whose bytes the card needs. The
// caller clears them.
func (r *ring) tmacKey(ctx context.Context, p wire.Place) ([]byte, wire.KeyVersion, error) {
	k, _, ok, err := take(ctx, r.conf.Want, r.tmacRef(p))
	if err != nil {
		return nil, 0, err
	}
	if !ok {
		return nil, 0, &keystore.NotFoundError{Ref: r.tmacRef(p)}
	}
	e, ok := k.(key.Exporter)
	switch {
	case k.Type() != key.TypeAES:
		return nil, 0, fmt.Errorf("perso: %s: a transaction MAC key is of type AES, this one is %v", r.tmacRef(p).Words(), k.Type())
	case !ok:
		return nil, 0, fmt.Errorf("perso: %s: a card is given its bytes, and this key does not give them away", r.tmacRef(p).Words())
	}
	return e.Export(), wire.KeyVersion(k.Version()), nil
}

// tmacVersion is the version that the key of a transaction MAC file should have.
func (r *ring) tmacVersion(ctx context.Context, p wire.Place, f *File) (wire.KeyVersion, error) {
	if r.conf.Want != nil {
		facts, ok, err := r.conf.Want.Has(ctx, r.tmacRef(p))
		if err != nil || ok {
			return wire.KeyVersion(facts.Version), err
		}
	}
	return f.Settings.TMKeyVersion, nil
}

// changeFileSettings gives a file its mode and rights. now is what the plan has
// seen. The session asks once more, where it may.
func (r *runner) changeFileSettings(ctx context.Context, a *Application, f *File, now wire.FileSettings, as who) error {
	if err := r.as(ctx, a.Place, as, false); err != nil {
		return err
	}
	_, session := r.card.Session()
	switch told, err := r.card.FileSettings(ctx, f.No); {
	case err == nil && len(changes(told, &f.Settings)) == 0:
		return nil
	case err == nil && len(differs(told, &now)) > 0:
		return r.changed("%v is not what it was", at(a.Place).file(f.No))
	case err != nil && !inspect.Refused(err):
		return err
	case err != nil && session:
		r.forget()
		if err := r.as(ctx, a.Place, as, false); err != nil {
			return err
		}
	}
	s := normal(&f.Settings)
	cmd := &wire.ChangeFileSettings{File: f.No, Option: s.Option, Access: s.Access, Additional: s.Additional, SDM: s.SDM, Limit: s.Limit}
	if s.Type == wire.FileTransactionMAC {
		cmd.Option &= 3 | wire.OptionTMIExclude | wire.OptionTMCLimit
	}
	if s.SDM == nil && s.Option.Has(wire.OptionSDM) { // allowed, and mirrors nothing
		cmd.SDM = &wire.SDM{Options: wire.SDMASCII, Access: wire.NewSDMAccess(wire.Never, wire.Never, wire.Never)}
	}
	cmd.Limit.Short = f.Settings.Limit.Short
	return r.card.ChangeFileSettings(ctx, cmd)
}

// nameReader names the reader in the running transaction, where the application
// wants it: under the key of the session, or another that joins it.
func (r *runner) nameReader(ctx context.Context, a *Application, mac *wire.FileSettings) error {
	if mac == nil {
		return nil
	}
	g, _ := inspect.RightsOf(mac).Of(inspect.ActNameReader)
	s, ok := r.card.Session()
	if !ok {
		return errors.New("perso: the reader can be named in a session only")
	}
	if !g.Allows(s.KeyNo) {
		w, ok, err := r.by(ctx, a.Place, g)
		if err != nil || !ok {
			return errors.Join(err, &KeyError{Where: at(a.Place), Reason: "no key that names the reader is at hand"})
		}
		list, err := r.candidates(ctx, slot{a.Place, w.no})
		if err != nil {
			return err
		}
		if err := r.card.AuthenticateWith(ctx, s.NonFirst(), w.no, list[0].key); err != nil {
			return err
		}
	}
	_, err := r.card.CommitReaderID(ctx, r.conf.ReaderID)
	return err
}
