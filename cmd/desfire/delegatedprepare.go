package main

import (
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/dam"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) delegatedPrepareCommand() *cobra.Command {
	var flags appFlags
	d := &delegation{mac: keySpec{flag: "mac-key"}, enc: keySpec{flag: "enc-key"}, app: keySpec{flag: "app-key"}}
	cmd := &cobra.Command{
		Use:   "prepare AID",
		Short: "As issuer: sign what somebody else may put on your cards",
		Long: `As issuer of cards, sign an application that somebody else may put on them: its
AID, slot, quota, keys and settings. No card is needed. The delegation goes into
a new file (--out).

--app-key is what all keys of the application are at first. It is enciphered in
the file. Whoever has the file and the DAM authentication key (0x10) makes that
application on every card with these DAM keys.

` + helpAppFlags + `

` + helpKeySpec,
		Args: wants("AID"),
		Example: `  desfire delegated prepare F48121 --slot 0 --quota 2048 \
    --mac-key @dam-mac.key --enc-key @dam-enc.key --app-key @first.key \
    --out campus.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			aid, err := parseAID(cmd, args[0])
			if err != nil {
				return err
			}
			c, err := flags.command(cmd, aid)
			if err != nil {
				return err
			}
			return d.prepare(a, cmd, c)
		},
	}
	flags.register(cmd)
	f := cmd.Flags()
	f.StringVar(&d.slot, "slot", "", "`NUMBER` of the slot, 0 to 65535")
	f.Uint8Var(&d.slotVersion, "slot-version", 0, "`VERSION` of the slot, 0 to 255, which the card keeps")
	f.IntVar(&d.quota, "quota", 0, "memory of the slot in `BYTES`, a multiple of 32")
	f.StringVar(&d.mac.spec, "mac-key", "", "the DAM MAC `KEY` of the cards (0x11)")
	f.StringVar(&d.enc.spec, "enc-key", "", "the DAM encryption `KEY` of the cards (0x12)")
	f.StringVar(&d.app.spec, "app-key", "", "first `KEY` of the application")
	f.StringVar(&d.out, "out", "", "write the delegation into a new `FILE`")
	return careful(cmd)
}

// delegation is one delegated application that is prepared.
type delegation struct {
	slot          string
	slotVersion   uint8
	quota         int
	mac, enc, app keySpec
	out           string
}

func (d *delegation) prepare(a *app, cmd *cobra.Command, c *wire.CreateApplication) error {
	usage := func(format string, args ...any) error { return &usageError{cmd, fmt.Errorf(format, args...)} }
	switch {
	case d.slot == "":
		return usage("--slot missing: the number of the slot that the application gets")
	case d.quota <= 0 || d.quota%damBlock != 0 || d.quota/damBlock > 0xFFFF:
		return usage("--quota %d: want bytes, a multiple of %d, %d at most", d.quota, damBlock, 0xFFFF*damBlock)
	case d.out == "":
		return usage("--out missing: the file that the delegation goes into")
	}
	slot, err := parseSlot(cmd, d.slot)
	if err != nil {
		return err
	}
	if err := a.readKeys(cmd, &d.mac, &d.enc, &d.app); err != nil {
		return err
	}
	for _, k := range []*keySpec{&d.mac, &d.enc} {
		if k.key.Type() != key.TypeAES {
			return usage("--%s is a %v key: want an AES key", k.flag, k.key.Type())
		}
	}
	if got, want := d.app.key.Type().Wire(), c.KS2.KeyType(); got != want {
		return usage("--app-key is a %v key, and the application is to have %v keys: want --key-type, or another key", d.app.key.Type(), want)
	}
	if err := a.risky(riskyApp(c.KS1, c.KS2)); err != nil {
		return err
	}
	m := &wire.CreateDelegatedApplication{
		AID: c.AID, Slot: slot, SlotVersion: d.slotVersion, Quota: uint16(d.quota / damBlock),
		KS1: c.KS1, KS2: c.KS2, KS3: c.KS3, KeySetConfig: c.KeySetConfig, FID: c.FID, DFName: c.DFName,
	}
	first, err := d.app.bytes()
	if err != nil {
		return err
	}
	if err := (&dam.Signer{MAC: d.mac.key, Enc: d.enc.key}).Sign(cmd.Context(), m, first); err != nil {
		return withCode(exitInput, err)
	}
	text, err := dam.Encode(m)
	if err != nil {
		return err
	}
	if err := writeNewFile(d.out, text); err != nil {
		return withCode(exitInput, err)
	}
	if a.json {
		return a.emit(delegatedResult{Application: wire.Place{AID: c.AID}, Slot: &slot, SlotVersion: &d.slotVersion, Quota: &d.quota, File: d.out})
	}
	app := described(c)
	a.printf("%s: application %s may be made in slot %d, with %d bytes\n", a.out.Name.Render(d.out), a.out.Name.Render(c.AID), slot, d.quota)
	a.printApp(&app)
	return nil
}

func (a *app) delegatedMACCommand() *cobra.Command {
	mac := keySpec{flag: "mac-key"}
	cmd := &cobra.Command{
		Use:   "mac AID",
		Short: "As issuer: sign that somebody else may delete an application",
		Long: `As issuer of cards, sign that a delegated application may be deleted: eight
bytes that desfire delegated delete --mac takes. No card is needed. They hold
for that application on every card with this key.

` + helpKeySpec,
		Args:    wants("AID"),
		Example: "  desfire delegated mac F48121 --mac-key @dam-mac.key",
		RunE: func(cmd *cobra.Command, args []string) error {
			aid, err := parseAID(cmd, args[0])
			if err != nil {
				return err
			}
			b, err := a.deleteMAC(cmd, &mac, aid)
			switch {
			case err != nil:
				return err
			case a.json:
				return a.emit(delegatedResult{Application: wire.Place{AID: aid}, MAC: b[:]})
			}
			a.printf("%X\n", b)
			return nil
		},
	}
	cmd.Flags().StringVar(&mac.spec, "mac-key", "", "the DAM MAC `KEY` of the cards (0x11)")
	return careful(cmd)
}

// deleteMAC signs the deletion of an application.
func (a *app) deleteMAC(cmd *cobra.Command, mac *keySpec, aid wire.AID) ([8]byte, error) {
	if err := a.readKeys(cmd, mac); err != nil {
		return [8]byte{}, err
	}
	if mac.key.Type() != key.TypeAES {
		return [8]byte{}, &usageError{cmd, errors.New("--mac-key: want an AES key")}
	}
	return dam.DeleteMAC(cmd.Context(), mac.key, aid)
}
