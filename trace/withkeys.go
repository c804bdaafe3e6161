package trace

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/key"
)

// WriteWithKeys writes the recording as FormatJSON with its keys, the reader's
// randoms, session keys, and what another program checked: for test data, whose
// keys were made to be known. Anybody who has the file has the keys.
func (r *Recording) WriteWithKeys(w io.Writer) error {
	compact, err := r.MarshalJSON()
	if err != nil {
		return err
	}
	var f fileRecording
	if err := json.Unmarshal(compact, &f); err != nil {
		return err
	}
	f.Verified, f.VerifiedWhat = r.Verified, r.VerifiedWhat
	for _, k := range r.Keys {
		f.Keys = append(f.Keys, writtenKey(k))
	}
	for _, b := range r.RndA {
		f.RndA = append(f.RndA, b)
	}
	for i := range r.Exchanges {
		f.Exchanges[i].Preset = writtenPreset(r.Exchanges[i].Preset)
	}
	if compact, err = json.Marshal(f); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, visible.JSON(compact), "", " "); err != nil {
		return err
	}
	b.WriteByte('\n')
	_, err = w.Write(b.Bytes())
	return err
}

func writtenKey(k Key) fileKey {
	f := fileKey{Alg: k.Value.Type().String(), Key: k.Value.Export(), Note: k.Note}
	if k.App != nil {
		app := hexBytes(k.App[:])
		f.App = &app
	}
	if k.No >= 0 {
		f.No = &k.No
	}
	if version := int(k.Value.Version()); k.Value.Type() == key.TypeAES && version != 0 {
		f.Ver = &version
	}
	return f
}

func writtenPreset(p *Preset) *filePreset {
	if p == nil {
		return nil
	}
	f := &filePreset{
		Kind: strings.ToLower(p.Kind), Alg: p.Alg, Key: p.Key, IV: p.IV, Enc: p.Enc, MAC: p.MAC, TI: p.TI,
		Ctr: int(p.Counter), EncCtr: int(p.EncCtr),
	}
	if p.KeyNo >= 0 {
		f.KeyNo = &p.KeyNo
	}
	return f
}
