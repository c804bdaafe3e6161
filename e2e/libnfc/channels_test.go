package libnfc

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// channel is a kind of session and keys for it.
type channel struct {
	name         string
	authenticate string // function
	picc         string // function for the PICC master key, a DES key of zeros
	create       string // function
	zero         string // key of a new application
	keys         [6]string
	versions     [6]string // their versions
}

const (
	defaultKey = "des:0000000000000000"
	app        = 0x121314
)

// The versions of DES keys are the low bits of their first 8 bytes.
var channels = []channel{
	{
		name: "d40-des", authenticate: "authenticate", picc: "authenticate", create: "create_application", zero: defaultKey,
		keys: [6]string{
			"des:0123456789abcdef", "des:1132547698badcfe", "des:1022344658687a8c", "des:20406181a1c0e103", "des:31517191b1d1f111", "des:3050709190b0d0f0",
		},
		versions: [6]string{"ff", "80", "00", "3b", "ff", "10"},
	},
	{
		name: "d40-2k3des", authenticate: "authenticate", picc: "authenticate", create: "create_application", zero: defaultKey,
		keys: [6]string{
			"2k3des:0123456789abcdeffedcba9876543210", "2k3des:1132547698badcfe0022446688aaccee", "2k3des:1022344658687a8c99aabbccddeeff01",
			"2k3des:20406181a1c0e1030102030405060708", "2k3des:31517191b1d1f1110e1d2c3b4a596877", "2k3des:3050709190b0d0f06070809fafbfcfdf",
		},
		versions: [6]string{"ff", "80", "00", "3b", "ff", "10"},
	},
	{
		name: "ev1-des", authenticate: "authenticate_iso", picc: "authenticate_iso", create: "create_application", zero: defaultKey,
		keys: [6]string{
			"des:0123456789abcdef", "des:1132547698badcfe", "des:1022344658687a8c", "des:20406181a1c0e103", "des:31517191b1d1f111", "des:3050709190b0d0f0",
		},
		versions: [6]string{"ff", "80", "00", "3b", "ff", "10"},
	},
	{
		name: "ev1-2k3des", authenticate: "authenticate_iso", picc: "authenticate_iso", create: "create_application", zero: defaultKey,
		keys: [6]string{
			"2k3des:0123456789abcdeffedcba9876543210", "2k3des:1132547698badcfe0022446688aaccee", "2k3des:1022344658687a8c99aabbccddeeff01",
			"2k3des:20406181a1c0e1030102030405060708", "2k3des:31517191b1d1f1110e1d2c3b4a596877", "2k3des:3050709190b0d0f06070809fafbfcfdf",
		},
		versions: [6]string{"ff", "80", "00", "3b", "ff", "10"},
	},
	{
		name: "ev1-3k3des", authenticate: "authenticate_iso", picc: "authenticate_iso", create: "create_application_3k3des",
		zero: "3k3des:" + strings.Repeat("00", 24),
		keys: [6]string{
			"3k3des:0123456789abcdeffedcba98765432100f1e2d3c4b5a6978", "3k3des:1132547698badcfe0022446688aaccee1021324354657687",
			"3k3des:1022344658687a8c99aabbccddeeff01a1b2c3d4e5f60718", "3k3des:20406181a1c0e103010203040506070890a0b0c0d0e0f010",
			"3k3des:31517191b1d1f1110e1d2c3b4a5968771a2b3c4d5e6f7081", "3k3des:3050709190b0d0f06070809fafbfcfdf0011223344556677",
		},
		versions: [6]string{"ff", "80", "00", "3b", "ff", "10"},
	},
	{
		name: "ev1-aes", authenticate: "authenticate_aes", picc: "authenticate_iso", create: "create_application_aes",
		zero: "aes:" + strings.Repeat("00", 16),
		keys: [6]string{
			"aes:0123456789abcdeffedcba9876543210/01", "aes:1132547698badcfe0022446688aaccee/02", "aes:1022344658687a8c99aabbccddeeff01/7f",
			"aes:20406181a1c0e1030102030405060708/80", "aes:31517191b1d1f1110e1d2c3b4a596877/ff", "aes:3050709190b0d0f06070809fafbfcfdf/55",
		},
		versions: [6]string{"01", "02", "7f", "80", "ff", "55"},
	},
}

func (c *channel) d40() bool { return strings.HasPrefix(c.name, "d40") }

// session is libfreefare at work on a card through one kind of channel.
type session struct {
	*library
	*channel
	generation wire.Generation
}

// auth opens a session with a key of the application after its keys were changed.
func (s *session) auth(no int) { s.t.Helper(); s.ok("%s %d %s", s.authenticate, no, s.keys[no]) }

// holds checks the card's memory.
func (s *session) holds(file int, want []byte) {
	s.t.Helper()
	if got := bytes.TrimRight(s.stored(file).Data, "\x00"); !bytes.Equal(got, bytes.TrimRight(want, "\x00")) {
		s.t.Errorf("file %d holds %x, want %x", file, got, want)
	}
}

func (s *session) stored(file int) sim.ImageFile {
	s.t.Helper()
	return fileOf(s.t, s.reader, app, file)
}

func pattern(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + seed + 1)
	}
	return b
}

// TestChannels does all that libfreefare can do, through each kind of channel
// with each generation that has it.
func TestChannels(t *testing.T) {
	for i := range channels {
		for _, g := range generations {
			c := &channels[i]
			if !c.d40() && !g.Has(wire.FeatureEV1Auth) {
				continue
			}
			t.Run(c.name+"/"+g.String(), func(t *testing.T) {
				t.Parallel()
				s := &session{start(t, put(t, newCard(t, g))), c, g}
				s.level()
				s.changeKeys()
				s.createFiles()
				s.data()
				s.backup()
				s.values()
				s.records()
				s.settings()
				s.format()
				if c.d40() && g == wire.D40 || !c.d40() && g == wire.EV1 {
					s.finish(c.name)
				} else {
					s.finish("")
				}
			})
		}
	}
}

// level works at PICC level and makes the application.
func (s *session) level() {
	v := s.card.Image().GetVersion
	version := hex.EncodeToString(v.Hardware) + hex.EncodeToString(v.Software) + "04112233445566" + hex.EncodeToString(v.Production)
	s.gives(version, "get_version")
	s.gives("none", "get_application_ids")
	s.ok("%s 0 %s", s.picc, defaultKey)
	s.gives(version, "get_version")
	s.gives("0f 01", "get_key_settings")
	s.gives("00", "get_key_version 0")
	if s.generation.Has(wire.FeatureEV1Auth) {
		s.gives(freeMemory[s.generation], "free_mem")
		s.gives("04112233445566", "get_card_uid")
	}
	s.ok("change_key_settings 0x0b")
	s.gives("0b 01", "get_key_settings")
	s.ok("%s %06x 0x0f 6", s.create, app)
	s.ok("%s %06x 0xeb 14", s.create, app+1)
	s.refused(wire.StatusDuplicateError, "%s %06x 0x0f 6", s.create, app)
	s.ok("%s 0 %s", s.picc, defaultKey)
	s.gives("121314 121315", "get_application_ids")
	s.ok("delete_application %06x", app+1)
	s.gives("121314", "get_application_ids")
	s.ok("select_application %06x", app)
}

// changeKeys changes all keys of the application, those of others with the
// master key, and a key by itself.
func (s *session) changeKeys() {
	s.ok("%s 0 %s", s.authenticate, s.zero)
	s.gives("0f 06", "get_key_settings")
	for no := 1; no < 6; no++ {
		s.ok("change_key %d %s %s", no, s.keys[no], s.zero)
		s.gives(s.versions[no], "get_key_version %d", no)
	}
	s.ok("change_key 0 %s none", s.keys[0])
	s.refused(wire.StatusAuthenticationError, "%s 0 %s", s.authenticate, s.zero)
	s.auth(0)
	s.gives(s.versions[0], "get_key_version 0")
	s.refused(wire.StatusNoSuchKey, "%s 6 %s", s.authenticate, s.zero)

	// E: each key by itself.
	s.auth(0)
	s.ok("change_key_settings 0xef")
	s.gives("ef 06", "get_key_settings")
	s.auth(5)
	s.ok("change_key 5 %s none", s.zero)
	s.ok("%s 5 %s", s.authenticate, s.zero)
	s.ok("change_key 5 %s none", s.keys[5])
	s.auth(5)
	s.refused(wire.StatusAuthenticationError, "change_key 4 %s %s", s.zero, s.keys[4])

	// 4: others by key 4.
	s.auth(0)
	s.ok("change_key_settings 0x4f")
	s.auth(4)
	s.ok("change_key 5 %s %s", s.keys[0], s.keys[5])
	s.ok("change_key 5 %s %s", s.keys[5], s.keys[0])
	s.auth(0)
	s.ok("change_key_settings 0x0f")
}

// Files by mode, and their rights: read 1, write 2, read and write 3, change 0.
var modes = [3]int{0, 1, 3}

const (
	standardFile = 0 // 0, 1, 2: plain, MAC, full
	backupFile   = 3
	valueFile    = 6
	recordFile   = 9 // linear in plain mode, cyclic with MAC and in full
	rights       = 0x1230
)

func (s *session) createFiles() {
	for i, mode := range modes {
		s.ok("create_std_data_file %d %d %#x 100", standardFile+i, mode, rights)
		s.ok("create_backup_data_file %d %d %#x 41", backupFile+i, mode, rights)
		s.ok("create_value_file %d %d %#x -100 1000 %d 1", valueFile+i, mode, rights, 10+i)
		kind := "linear"
		if i > 0 {
			kind = "cyclic"
		}
		s.ok("create_%s_record_file %d %d %#x 17 4", kind, recordFile+i, mode, rights)
	}
	s.refused(wire.StatusDuplicateError, "create_std_data_file 0 0 %#x 100", rights)
	s.auth(0)
	s.ok("create_std_data_file 12 3 0x123e 16")
	var all []string
	for n := range 13 {
		all = append(all, fmt.Sprint(n))
	}
	got := s.call("get_file_ids")
	for _, n := range all {
		if !strings.Contains(got+" ", " "+n+" ") {
			s.t.Errorf("get_file_ids: %s, want %v in any order", got, all)
		}
	}
}

// checksTooFar reports whether libfreefare 0.4.0 takes the MAC in a D40 session
// for wrong: it makes room for a CRC, and where that needs another block it
// expects a MAC over one block of zeros more than it computes itself when it writes.
func checksTooFar(n int) bool { return n%8 == 0 || n%8 == 7 }

// data writes and reads the standard files, in frames and chains, with the key
// for each and the key for both.
func (s *session) data() {
	for i := range modes {
		file, content := standardFile+i, pattern(100, i)
		s.auth(2)
		s.gives("100", "write_data %d 0 %x", file, content)
		s.holds(file, content)
		for _, n := range []int{7, 16, 39} {
			copy(content[n:], pattern(n, n))
			s.gives(fmt.Sprint(n), "write_data %d %d %x", file, n, pattern(n, n))
		}
		s.holds(file, content)
		s.refused(wire.StatusAuthenticationError, "read_data %d 0 1", file)
		s.auth(1)
		s.gives(hex.EncodeToString(content), "read_data %d 0 0", file)
		for _, n := range []int{1, 7, 16, 60, 90} {
			if s.d40() && modes[i] == 1 && checksTooFar(n) {
				s.distrusted("read_data %d 3 %d", file, n)
				continue
			}
			s.gives(hex.EncodeToString(content[3:3+n]), "read_data %d 3 %d", file, n)
		}
		s.auth(3)
		s.gives("3", "write_data %d 97 010203", file)
		s.gives(fmt.Sprintf("%02x010203", content[96]), "read_data %d 96 0", file)
		s.refused(wire.StatusBoundaryError, "read_data %d 96 5", file)
	}
}

func (s *session) backup() {
	for i := range modes {
		file, content := backupFile+i, pattern(41, i)
		s.auth(3)
		s.gives("41", "write_data %d 0 %x", file, content)
		s.gives(strings.Repeat("00", 41), "read_data %d 0 41", file)
		s.ok("commit_transaction")
		s.gives(hex.EncodeToString(content), "read_data %d 0 41", file)
		s.gives("4", "write_data %d 2 deadbeef", file)
		s.ok("abort_transaction")
		s.gives(hex.EncodeToString(content), "read_data %d 0 41", file)
		s.holds(file, content)
	}
}

func (s *session) values() {
	for i := range modes {
		file, v := valueFile+i, 10+i
		s.auth(3)
		s.gives(fmt.Sprint(v), "get_value %d", file)
		s.ok("credit %d 500", file)
		s.gives(fmt.Sprint(v), "get_value %d", file)
		s.ok("commit_transaction")
		s.gives(fmt.Sprint(v+500), "get_value %d", file)
		s.ok("debit %d 40", file)
		s.ok("debit %d 2", file)
		s.ok("commit_transaction")
		s.ok("limited_credit %d 41", file)
		s.ok("commit_transaction")
		s.ok("debit %d 7", file)
		s.ok("abort_transaction")
		s.gives(fmt.Sprint(v+499), "get_value %d", file)
		s.ok("debit %d %d", file, v+499+100)
		s.ok("commit_transaction")
		if got := s.stored(file).Value.Value; got != -100 {
			s.t.Errorf("value file %d holds %d, want -100", file, got)
		}
		s.refused(wire.StatusBoundaryError, "debit %d 1", file)
		s.auth(1)
		s.gives("-100", "get_value %d", file)
		s.refused(wire.StatusAuthenticationError, "credit %d 1", file)
	}
}

func (s *session) records() {
	for i := range modes {
		file := recordFile + i
		s.auth(3)
		for n := range 3 {
			s.gives("17", "write_record %d 0 %x", file, pattern(17, n))
			s.ok("commit_transaction")
		}
		s.gives(fmt.Sprintf("%x%x%x", pattern(17, 0), pattern(17, 1), pattern(17, 2)), "read_records %d 0 0", file)
		s.gives(fmt.Sprintf("%x", pattern(17, 1)), "read_records %d 1 1", file)
		s.gives("5", "write_record %d 12 0102030405", file)
		s.ok("abort_transaction")
		s.gives(fmt.Sprintf("%x%x", pattern(17, 1), pattern(17, 2)), "read_records %d 0 2", file)
		if n := len(s.stored(file).Records); n != 3 {
			s.t.Errorf("record file %d holds %d records, want 3", file, n)
		}
		s.ok("clear_record_file %d", file)
		s.ok("commit_transaction")
		if n := len(s.stored(file).Records); n != 0 {
			s.t.Errorf("record file %d holds %d records after clearing", file, n)
		}
		s.refused(wire.StatusBoundaryError, "read_records %d 0 1", file)
	}
}

func (s *session) settings() {
	s.auth(0)
	s.gives("type=0 mode=0 rights=1230 100", "get_file_settings %d", standardFile)
	s.gives("type=1 mode=1 rights=1230 41", "get_file_settings %d", backupFile+1)
	s.gives("type=2 mode=3 rights=1230 -100 1000 611 1", "get_file_settings %d", valueFile+2)
	s.gives("type=3 mode=0 rights=1230 17 4 0", "get_file_settings %d", recordFile)
	s.gives("type=4 mode=3 rights=1230 17 4 0", "get_file_settings %d", recordFile+2)
	s.ok("change_file_settings %d 3 0x3210", standardFile) // in full mode under key 0
	s.gives("type=0 mode=3 rights=3210 100", "get_file_settings %d", standardFile)
	s.ok("change_file_settings 12 1 0x1ee0") // plain, for the right to change is free
	s.gives("type=0 mode=1 rights=1ee0 16", "get_file_settings 12")
	s.ok("delete_file 12")
	s.ok("select_application %06x", app) // libfreefare has the settings of the file in mind
	s.refused(wire.StatusFileNotFound, "get_file_settings 12")
}

func (s *session) format() {
	s.ok("select_application 000000")
	s.ok("%s 0 %s", s.picc, defaultKey)
	s.ok("change_key_settings 0x0f")
	s.ok("format_picc")
	s.ok("disconnect")
	s.ok("connect")
	s.gives("none", "get_application_ids")
	s.ok("disconnect")
}
