package inspect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/wire"
)

// What JSON says twice, in bytes as the card answered and in words, is rebuilt
// from the bytes. Words that say something else are an error; sentences are not
// compared, since a later version may say them better.

type bareCard Card

// UnmarshalJSON reads what encoding/json writes of a Card.
func (c *Card) UnmarshalJSON(b []byte) error {
	var given bareCard
	if err := json.Unmarshal(b, &given); err != nil {
		return err
	}
	if len(given.Version) > 0 {
		v := new(wire.Version)
		if err := new(wire.Coder).Decode(given.Version, nil, v); err != nil {
			return fmt.Errorf("get_version: %w", err)
		}
		made := Card{Generation: given.Generation}
		made.SetVersion(v)
		if err := agree(b, bareCard(made), "get_version", "get_version", "random_id", "hardware", "software", "batch", "year", "week"); err != nil {
			return err
		}
		if len(made.UID) > 0 && !bytes.Equal(made.UID, given.UID) {
			return fmt.Errorf("uid is %X, but get_version says %X", []byte(given.UID), []byte(made.UID))
		}
		given.RandomID, given.Hardware, given.Software = made.RandomID, made.Hardware, made.Software
		given.Batch, given.Year, given.Week = made.Batch, made.Year, made.Week
	}
	if given.KeySettings != nil {
		if err := given.KeySettings.rebuild(true); err != nil {
			return fmt.Errorf("key_settings: %w", err)
		}
	}
	seen := map[wire.Place]bool{}
	for _, a := range given.Applications {
		if seen[a.Place] {
			return fmt.Errorf("application %v is there twice", a.Place)
		}
		seen[a.Place] = true
	}
	*c = Card(given)
	c.SetName()
	return nil
}

type bareApplication Application

// UnmarshalJSON reads what encoding/json writes of an Application.
func (a *Application) UnmarshalJSON(b []byte) error {
	var given bareApplication
	if err := json.Unmarshal(b, &given); err != nil {
		return err
	}
	if given.Place.IsCard() {
		return errors.New("application is missing, or is the card itself: want an AID, app, or df: and a DF name")
	}
	made := NewApplication(given.Place)
	if err := agree(b, bareApplication(made), "application", "aid", "wire"); err != nil {
		return err
	}
	given.AID, given.Wire, given.KnownAs = made.AID, made.Wire, made.KnownAs
	if given.KeySettings != nil {
		if err := given.KeySettings.rebuild(false); err != nil {
			return fmt.Errorf("key_settings: %w", err)
		}
	}
	seen := map[wire.FileNo]bool{}
	for _, f := range given.Files {
		if seen[f.No] {
			return fmt.Errorf("file %d is there twice", f.No)
		}
		seen[f.No] = true
	}
	*a = Application(given)
	return nil
}

// rebuild makes of the bytes what they say.
func (k *KeySettings) rebuild(ofCard bool) error {
	if len(k.Raw) == 0 {
		if len(k.Settings) != 1 {
			return fmt.Errorf("settings have %s, want 1", count(len(k.Settings), "byte"))
		}
		k.Rules = RulesOf(wire.KeySett1(k.Settings[0]), ofCard)
		return nil
	}
	s := new(wire.KeySettings)
	if err := new(wire.Coder).Decode(k.Raw, nil, s); err != nil {
		return fmt.Errorf("raw: %w", err)
	}
	made := NewKeySettings(s, ofCard)
	given, err := json.Marshal(k)
	if err != nil {
		return err
	}
	if err := agree(given, made, "raw", "raw", "settings", "keys", "key_type", "iso_files", "sets"); err != nil {
		return err
	}
	made.Proven = k.Proven
	*k = *made
	return nil
}

type bareFile File

// told are the members of a file that GetFileSettings tells.
var told = []string{
	"raw", "type", "comm", "access", "additional_access", "size", "lower", "upper", "limited_credit",
	"record_size", "max_records", "records", "key_type", "key_version", "counter_limit",
}

// UnmarshalJSON reads what encoding/json writes of a File.
func (f *File) UnmarshalJSON(b []byte) error {
	var given bareFile
	if err := json.Unmarshal(b, &given); err != nil {
		return err
	}
	made := File{No: given.No}
	if len(given.Raw) > 0 {
		fs := new(wire.FileSettings)
		if err := new(wire.Coder).Decode(given.Raw, nil, fs); err != nil {
			return fmt.Errorf("raw: %w", err)
		}
		made = NewFile(given.No, fs)
	}
	if err := agree(b, bareFile(made), "raw", told...); err != nil {
		return err
	}
	switch {
	case given.SDM != nil && made.SDM == nil:
		return errors.New("sdm is there, but raw says nothing of it")
	case given.SDM != nil:
		g, err := json.Marshal(given.SDM)
		if err != nil {
			return err
		}
		if err := agree(g, made.SDM, "raw", "meta_read", "file_read", "counter_right"); err != nil {
			return fmt.Errorf("sdm: %w", err)
		}
	}
	made.ISOID, made.Proven, made.Missing = given.ISOID, given.Proven, given.Missing
	made.Value, made.Data, made.Content, made.ReadCounter = given.Value, given.Data, given.Content, given.ReadCounter
	*f = made
	return nil
}

type bareMissing Missing

// UnmarshalJSON reads what encoding/json writes of a Missing. Err is made of the
// status.
func (m *Missing) UnmarshalJSON(b []byte) error {
	var given bareMissing
	if err := json.Unmarshal(b, &given); err != nil {
		return err
	}
	switch {
	case given.Status != "":
		status, err := strconv.ParseUint(given.Status, 16, 16)
		if err != nil || len(given.Status) != 4 {
			return fmt.Errorf("status %.40q: want four hexadecimal digits", given.Status)
		}
		given.Err = &desfire.CommandError{Command: given.Command, Status: wire.Status(status)}
	case given.Reason == cannotTell:
		given.Err = &desfire.UnsupportedError{What: string(given.What), Reason: cannotTell}
	}
	*m = Missing(given)
	return nil
}

// agree compares members of a JSON object with what they should be. Those that
// are not there are right.
func agree(object []byte, want any, source string, members ...string) error {
	text, err := json.Marshal(want)
	if err != nil {
		return err
	}
	var has, should map[string]json.RawMessage
	if err := errors.Join(json.Unmarshal(object, &has), json.Unmarshal(text, &should)); err != nil {
		return err
	}
	for _, m := range members {
		have, ok := has[m]
		if !ok || string(have) == "null" {
			continue
		}
		if want, ok := should[m]; !ok {
			return fmt.Errorf("%s is there, but %s says nothing of it", m, source)
		} else if !same(have, want) {
			return fmt.Errorf("%s is %s, but %s says %s", m, short(have), source, short(want))
		}
	}
	return nil
}

// same reports whether two JSON values say the same, hexadecimal digits in any
// case.
func same(a, b json.RawMessage) bool {
	var x, y any
	if json.Unmarshal(bytes.ToUpper(a), &x) != nil || json.Unmarshal(bytes.ToUpper(b), &y) != nil {
		return string(a) == string(b)
	}
	return reflect.DeepEqual(x, y)
}

// short is a JSON value for an error.
func short(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return "no JSON"
	}
	if s := b.String(); len(s) <= 80 {
		return visible.Text(s)
	}
	return visible.Text(fmt.Sprintf("%.80s", b.String())) + "..."
}
