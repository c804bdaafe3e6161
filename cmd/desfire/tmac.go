package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/tmac"
	"github.com/go-desfire/desfire/trace"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

func (a *app) tmacCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:                        "tmac",
		Short:                      "Verify transaction MACs",
		Args:                       subcommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.tmacVerifyCommand())
	return cmd
}

// tmacVerify is one call of tmac verify.
type tmacVerify struct {
	tmac                     keySpec
	session                  sessionKeys // keys of the recorded session
	trace                    string
	uid, tmc, tmv, enc, data string
	exclude                  []string // files that do not count
	records                  []string // FILE=SIZE
	lrp                      bool
}

func (a *app) tmacVerifyCommand() *cobra.Command {
	v := tmacVerify{tmac: keySpec{flag: "tmac-key"}}
	cmd := &cobra.Command{
		Use:   "verify --tmac-key KEY [COMMAND[=ANSWER]...]",
		Short: "Check the MAC that a card gave for a transaction",
		Long: `Check the MAC that a card gave at CommitTransaction, from what a terminal
reports, and tell the reader of the transaction before, if the card told it. No
card is needed.

The report is one of:
  COMMAND[=ANSWER]...  the commands in order: INS and what follows it in plain,
                       and the plain answer of commands that read, in
                       hexadecimal
  --session FILE       a recorded session, as --trace FILE writes it; --key
                       tells the keys to decipher it, as for desfire trace
                       verify. Every transaction in it is checked. UID, counter,
                       MAC and previous reader come from the recording where it
                       has them.
  --input HEX          the transaction MAC input itself

--tmc is the counter as the card reported it after the transaction, in decimal
or as 0xHEX. Reads count. The caller has yet to see that the counter is the one
after the last: one that was there before is a replay, a gap is a transaction
kept back.

` + helpKeySpec + `
Exit code 6: a MAC is wrong; 9: one could not be checked.`,
		Example: `  desfire tmac verify --tmac-key @tmac.key --uid 04782E21801D80 --tmc 5 \
    --tmv 401F312A9DA5C676 DC03FA000000
  desfire tmac verify --tmac-key @tmac.key --session session.json \
    --key 1=aes:@app.key`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return v.run(a, cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&v.tmac.spec, "tmac-key", "", "the application's transaction MAC `KEY`")
	f.StringVar(&v.trace, "session", "", "the recorded session in `FILE`; - for standard input")
	f.StringArrayVarP(&v.session.specs, "key", "k", nil, "a key of the recorded session, [APP:NUMBER=]TYPE:DIGITS; may be repeated")
	f.BoolVar(&v.session.defaults, "default-keys", false, "decipher the session also with the keys of zeros that cards are delivered with")
	f.StringVar(&v.data, "input", "", "the transaction MAC input in `HEX`")
	f.StringVar(&v.uid, "uid", "", "the card's UID, 7 bytes in `HEX`")
	f.StringVar(&v.tmc, "tmc", "", "the transaction MAC counter `N` after the transaction")
	f.StringVar(&v.tmv, "tmv", "", "the transaction MAC, 8 bytes in `HEX`")
	f.StringVar(&v.enc, "enc-reader", "", "the answer to CommitReaderID, 16 bytes in `HEX`")
	f.StringArrayVar(&v.exclude, "tmac-file", nil, "`FILE` number of the transaction MAC file, which does not count")
	f.StringArrayVar(&v.records, "record-size", nil, "`FILE=BYTES`, for ReadRecords of all records; may be repeated")
	f.BoolVar(&v.lrp, "lrp", false, "the application uses LRP")
	return careful(cmd)
}

// tmacResult is one transaction of tmac verify --json.
type tmacResult struct {
	Application *wire.AID `json:"application"` // null if not known
	UID         hexBytes  `json:"uid"`
	TMC         *uint32   `json:"tmc"` // null if not known
	TMV         hexBytes  `json:"tmv"`
	Input       hexBytes  `json:"input"`
	ReaderID    hexBytes  `json:"reader_id"`          // of this transaction; empty if it has none
	Previous    hexBytes  `json:"previous_reader_id"` // empty if the card did not tell it
	Verified    bool      `json:"verified"`
	Reason      string    `json:"reason,omitempty"` // why it is not
}

func (v *tmacVerify) run(a *app, cmd *cobra.Command, args []string) error {
	usage := func(err error) error { return &usageError{cmd, errors.New(keystore.Hide(err.Error()))} }
	sources := 0
	for _, given := range []bool{len(args) > 0, v.trace != "", v.data != ""} {
		if given {
			sources++
		}
	}
	if sources != 1 {
		return usage(errors.New("want the commands, or --session FILE, or --input HEX: one of them"))
	}
	if err := a.readKeys(cmd, &v.tmac); err != nil {
		return err
	}
	if err := wantAES(&v.tmac); err != nil {
		return err
	}
	given, err := v.given()
	if err != nil {
		return usage(err)
	}
	var list []*tmac.Transaction
	if v.trace != "" {
		rec, err := readRecording(cmd.Context(), v.trace)
		if err != nil {
			return err
		}
		cfg := &trace.VerifyConfig{DefaultKeys: v.session.defaults}
		if cfg.Keys, err = v.session.read(cmd); err != nil {
			return err
		}
		session := &tmacSession{settings: given.settings()}
		if err := session.find(trace.Verify(rec, cfg)); err != nil {
			return fmt.Errorf("%s: %w", v.trace, err)
		}
		list = session.list
		if len(list) == 0 {
			return withCode(exitInput, fmt.Errorf("%s: no transaction was committed in it", v.trace))
		}
	} else {
		t, err := given.transaction(args)
		if err != nil {
			return usage(err)
		}
		list = append(list, t)
	}
	if err := given.complete(list); err != nil {
		return usage(err)
	}
	return v.check(cmd.Context(), a, list)
}

// given is what the flags tell.
type tmacGiven struct {
	uid      []byte
	tmc      *uint32
	tmv, enc []byte
	raw      []byte
	lrp      bool
	input    tmac.Input
}

func (v *tmacVerify) given() (*tmacGiven, error) {
	g := &tmacGiven{lrp: v.lrp}
	for _, x := range []struct {
		flag, value string
		n           int // bytes; 0 for any whole blocks
		to          *[]byte
	}{{"uid", v.uid, 7, &g.uid}, {"tmv", v.tmv, 8, &g.tmv}, {"enc-reader", v.enc, 16, &g.enc}, {"input", v.data, 0, &g.raw}} {
		if x.value == "" {
			continue
		}
		b, err := parseHex(x.value)
		switch {
		case err != nil:
			return nil, fmt.Errorf("--%s: %w", x.flag, err)
		case x.n > 0 && len(b) != x.n:
			return nil, fmt.Errorf("--%s: %d bytes, want %d", x.flag, len(b), x.n)
		}
		*x.to = b
	}
	if v.tmc != "" {
		n, err := parseUint(v.tmc, 32)
		if err != nil {
			return nil, fmt.Errorf("--tmc %q: want a number up to 4294967295%s", v.tmc, zeroed(err))
		}
		tmc := uint32(n)
		g.tmc = &tmc
	}
	if (g.tmc == nil) != (g.tmv == nil) {
		return nil, errors.New("--tmc and --tmv belong together: the card's answer to the commit")
	}
	for _, s := range v.exclude {
		no, err := parseUint(s, 8)
		if err != nil || no > maxFile {
			return nil, fmt.Errorf("--tmac-file %q: want 0 to %d%s", s, maxFile, zeroed(err))
		}
		g.input.Exclude = append(g.input.Exclude, wire.FileNo(no))
	}
	for _, s := range v.records {
		file, size, _ := strings.Cut(s, "=")
		no, err := parseUint(file, 8)
		n, err2 := parseUint(size, 24)
		if err != nil || err2 != nil || no > maxFile || n == 0 {
			return nil, fmt.Errorf("--record-size %q: want FILE=BYTES, for example 2=16%s", s, zeroed(cmp.Or(err, err2)))
		}
		if g.input.RecordSizes == nil {
			g.input.RecordSizes = make(map[wire.FileNo]int)
		}
		g.input.RecordSizes[wire.FileNo(no)] = int(n)
	}
	return g, nil
}

// settings are those of files, for a session that does not show them.
func (g *tmacGiven) settings() map[wire.FileNo]wire.FileSettings {
	m := make(map[wire.FileNo]wire.FileSettings)
	for no, size := range g.input.RecordSizes {
		m[no] = wire.FileSettings{Type: wire.FileLinearRecord, RecordSize: uint32(size)}
	}
	for _, no := range g.input.Exclude {
		m[no] = wire.FileSettings{Type: wire.FileTransactionMAC}
	}
	return m
}

// transaction makes one of the commands on the command line.
func (g *tmacGiven) transaction(args []string) (*tmac.Transaction, error) {
	t := &tmac.Transaction{Input: g.raw}
	for _, arg := range args {
		command, answer, has := strings.Cut(arg, "=")
		c, err := parseHex(command)
		if err != nil {
			return nil, err
		}
		var rsp []byte
		if has && answer != "" {
			if rsp, err = parseHex(answer); err != nil {
				return nil, err
			}
		}
		spec := wire.Find(wire.ClassNative, c[0], "")
		if spec == nil {
			return nil, fmt.Errorf("command %02X is not known: want INS and what follows it, without 90 and 00", c[0])
		}
		if !tmac.Enters(c[0]) {
			return nil, fmt.Errorf("%s does not enter a transaction MAC: leave it out", spec.Name)
		}
		if err := g.input.AddBytes(c[0], c[1:], rsp); err != nil {
			return nil, fmt.Errorf("%s: %w", spec.Name, err)
		}
		if c[0] == wire.InsCommitReaderID {
			id := [16]byte(c[1:])
			t.ReaderID = &id
			if len(rsp) == 16 {
				enc := [16]byte(rsp)
				t.EncTMRI = &enc
			}
		}
	}
	if len(args) > 0 {
		t.Input = g.input.Bytes()
	}
	return t, nil
}

// complete puts what the flags tell where the report does not.
func (g *tmacGiven) complete(list []*tmac.Transaction) error {
	last := list[len(list)-1]
	for _, t := range list {
		t.LRP = t.LRP || g.lrp
		switch {
		case g.uid != nil:
			t.UID = g.uid
		case t.UID == nil:
			return errors.New("--uid missing: the card's UID, 7 bytes")
		}
	}
	switch {
	case g.tmc != nil:
		last.Receipt, last.HasReceipt = tmac.Receipt{TMC: *g.tmc, TMV: [8]byte(g.tmv)}, true
	case !last.HasReceipt && len(list) == 1:
		return errors.New("--tmc and --tmv missing: what the card answered to the commit, or what the transaction MAC file holds")
	}
	if g.enc != nil {
		enc := [16]byte(g.enc)
		last.EncTMRI = &enc
	}
	return nil
}

// check verifies and prints each transaction.
func (v *tmacVerify) check(ctx context.Context, a *app, list []*tmac.Transaction) error {
	failed, code := 0, exitDone
	var only error
	for _, t := range list {
		previous, err := t.Verify(ctx, v.tmac.key)
		r := &tmacResult{UID: t.UID, Input: t.Input, Verified: err == nil}
		if t.App != wire.PICC {
			r.Application = &t.App
		}
		if t.HasReceipt {
			r.TMC, r.TMV = &t.Receipt.TMC, t.Receipt.TMV[:]
		}
		if t.ReaderID != nil {
			r.ReaderID = t.ReaderID[:]
		}
		if previous != nil {
			r.Previous = previous[:]
		}
		if err != nil {
			failed++
			c := exitCode(ctx, err)
			if c == exitRefused { // no card was asked: the report is not enough
				c = exitInput
			}
			only, code = withCode(c, err), worst(code, c)
			r.Reason = oneLine(err)
		}
		if a.json {
			if err := a.emit(r); err != nil {
				return err
			}
		} else {
			a.printTMAC(r, t.LRP, len(list) > 1)
		}
	}
	switch {
	case failed == 1 && len(list) == 1:
		return only
	case failed > 0:
		return withCode(code, fmt.Errorf("%d of %s did not verify", failed, count(len(list), "transaction")))
	}
	return nil
}

// printTMAC prints one transaction; the reason of the only one comes as the error
// of the verb.
func (a *app) printTMAC(r *tmacResult, useLRP, several bool) {
	name := "transaction"
	if r.TMC != nil {
		name = fmt.Sprintf("transaction %d", tmac.Count(*r.TMC, useLRP))
	}
	switch {
	case r.Verified:
	case several:
		a.printf("%s: %s: %s\n", name, a.out.Bad.Render("not verified"), r.Reason)
		return
	default:
		a.printf("%s: %s\n", name, a.out.Bad.Render("not verified"))
		return
	}
	a.printf("%s: %s, %s of input\n", name, a.out.Good.Render("verified"), count(len(r.Input), "byte"))
	if r.ReaderID != nil {
		a.printf("  reader          %X\n", []byte(r.ReaderID))
	}
	if r.Previous != nil {
		a.printf("  previous reader %X\n", []byte(r.Previous))
	}
}
