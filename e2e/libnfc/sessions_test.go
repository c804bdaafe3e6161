package libnfc

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// sessions runs a test of libfreefare on a new card of each generation that has
// what it needs. The session with the oldest of them is recorded.
func sessions(t *testing.T, name string, needs wire.Feature, test func(l *library, g wire.Generation)) {
	oldest := true
	for _, g := range generations {
		if !g.Has(needs) {
			continue
		}
		record := ""
		if oldest {
			record = name
		}
		oldest = false
		t.Run(g.String(), func(t *testing.T) {
			t.Parallel()
			l := start(t, put(t, newCard(t, g)))
			test(l, g)
			l.finish(record)
		})
	}
}

// TestWithoutSession does what needs no key.
func TestWithoutSession(t *testing.T) {
	sessions(t, "free", wire.FeatureAny, func(l *library, g wire.Generation) {
		l.gives("0f 01", "get_key_settings")
		l.ok("create_application %06x 0x0f 2", app)
		l.ok("create_application %06x 0x0f 14", app+1)
		l.gives("121314 121315", "get_application_ids")
		l.refused(wire.StatusAuthenticationError, "delete_application %06x", app+1)
		l.ok("select_application %06x", app)
		l.gives("00", "get_key_version 1")
		const free = 0xEEEE
		l.ok("create_std_data_file 1 3 %#x 200", free)
		l.ok("create_backup_data_file 2 1 %#x 10", free)
		l.ok("create_value_file 3 3 %#x 0 100 7 1", free)
		l.ok("create_linear_record_file 4 1 %#x 8 3", free)
		l.ok("create_cyclic_record_file 5 3 %#x 8 3", free)
		content := pattern(200, 1)
		l.gives("200", "write_data 1 0 %x", content)
		l.gives(fmt.Sprintf("%x", content), "read_data 1 0 0")
		l.gives(fmt.Sprintf("%x", content[5:13]), "read_data 1 5 8")
		l.gives("10", "write_data 2 0 %x", pattern(10, 2))
		l.ok("credit 3 20")
		l.ok("commit_transaction")
		l.gives("27", "get_value 3")
		l.ok("debit 3 5")
		l.ok("commit_transaction")
		l.ok("limited_credit 3 5")
		l.gives("8", "write_record 4 0 0102030405060708")
		l.gives("8", "write_record 5 0 1112131415161718")
		l.ok("commit_transaction")
		l.gives("27", "get_value 3")
		l.gives(fmt.Sprintf("%x", pattern(10, 2)), "read_data 2 0 0")
		l.gives("0102030405060708", "read_records 4 0 0")
		l.ok("clear_record_file 5")
		l.ok("abort_transaction")
		l.gives("1112131415161718", "read_records 5 0 1")
		l.gives("type=4 mode=3 rights=eeee 8 3 1", "get_file_settings 5")
		l.ok("change_file_settings 5 0 0xeee0")
		l.ok("delete_file 5")
		l.refused(wire.StatusOutOfEEPROM, "create_std_data_file 9 0 0xe000 1000000")
	})
}

// masterKeys are keys of each kind that may be the PICC master key, and the
// function that authenticates with them in an EV1 session.
var masterKeys = []struct{ key, other, authenticate string }{
	{"des:0010203040506070", "des:8090a0b0c0d0e0f0", "authenticate_iso"},
	{"2k3des:0123456789abcdeffedcba9876543210", "2k3des:1132547698badcfe0022446688aaccee", "authenticate_iso"},
	{"3k3des:0123456789abcdeffedcba98765432100f1e2d3c4b5a6978", "3k3des:1132547698badcfe0022446688aaccee1021324354657687", "authenticate_iso"},
	{"aes:0123456789abcdeffedcba9876543210/42", "aes:1132547698badcfe0022446688aaccee/43", "authenticate_aes"},
}

// TestPICCMasterKey changes the PICC master key from each type to each.
func TestPICCMasterKey(t *testing.T) {
	sessions(t, "picc-master-key", wire.FeatureEV1Auth, func(l *library, g wire.Generation) {
		l.ok("authenticate_iso 0 %s", defaultKey)
		l.ok("change_key 0 %s none", masterKeys[0].key)
		for i, from := range masterKeys {
			for _, to := range masterKeys {
				new := to.key
				if to == from {
					new = to.other
				}
				l.ok("%s 0 %s", from.authenticate, from.key)
				l.ok("change_key 0 %s none", new)
				l.ok("%s 0 %s", to.authenticate, new)
				l.ok("change_key 0 %s none", from.key)
			}
			l.ok("%s 0 %s", from.authenticate, from.key)
			l.ok("change_key 0 %s none", masterKeys[(i+1)%len(masterKeys)].key)
		}
		// From a D40 session too, which can open with DES keys only.
		l.ok("authenticate 0 %s", masterKeys[0].key)
		l.ok("change_key 0 %s none", masterKeys[1].key)
		for _, to := range []int{3, 2, 1} {
			l.ok("authenticate 0 %s", masterKeys[1].key)
			l.ok("change_key 0 %s none", masterKeys[to].key)
			l.ok("%s 0 %s", masterKeys[to].authenticate, masterKeys[to].key)
			l.gives(map[int]string{3: "42", 2: "ff", 1: "ff"}[to], "get_key_version 0")
			l.ok("change_key 0 %s none", masterKeys[1].key)
		}
		l.ok("authenticate 0 %s", masterKeys[1].key)
		l.ok("change_key 0 %s none", defaultKey)
		l.ok("authenticate 0 %s", defaultKey)
		l.gives("00", "get_key_version 0")
	})
}

// TestConfiguration sets what SetConfiguration of EV1 can, in each kind of session.
func TestConfiguration(t *testing.T) {
	sessions(t, "configuration", wire.FeatureEV1Auth, func(l *library, g wire.Generation) {
		last := defaultKey
		authenticate := "authenticate"
		for i, kind := range []struct{ create, authenticate, key, version string }{
			{"create_application", "authenticate", "des:0010233344556676", "34"},
			{"create_application", "authenticate_iso", "2k3des:0123456789abcdeffedcba9876543210", "ff"},
			{"create_application_3k3des", "authenticate_iso", "3k3des:0123456789abcdeffedcba98765432100f1e2d3c4b5a6978", "ff"},
			{"create_application_aes", "authenticate_aes", "aes:1022344658687a8c99aabbccddeeff01", "00"},
		} {
			// Sessions of the master key: D40, then EV1 with DES, AES and 3K3DES.
			l.ok("%s 0 %s", authenticate, last)
			l.gives("04112233445566", "get_card_uid")
			l.ok("set_default_key %s", kind.key)
			l.ok("set_ats 067577810%d80", 2+i)
			l.ok("set_configuration 0 0")
			l.ok("%s %06x 0x0f 2", kind.create, app+i)
			l.ok("select_application %06x", app+i)
			l.gives(kind.version, "get_key_version 1")
			l.ok("%s 1 %s", kind.authenticate, kind.key)
			if want := []byte{0x06, 0x75, 0x77, 0x81, byte(2 + i), 0x80}; !bytes.Equal(l.card.Image().Config.ATS, want) {
				l.t.Errorf("ATS %X, want %X", []byte(l.card.Image().Config.ATS), want)
			}
			l.ok("select_application 000000")
			l.ok("%s 0 %s", authenticate, last)
			next := masterKeys[[]int{0, 3, 2, 1}[i]]
			l.ok("change_key 0 %s none", next.key)
			last, authenticate = next.key, next.authenticate
		}
		l.ok("%s 0 %s", authenticate, last)
		l.gives("04112233445566", "get_card_uid")
		l.ok("set_configuration 1 1")
		l.gives("04112233445566", "get_card_uid")
		l.refused(wire.StatusPermissionDenied, "format_picc")
		l.ok("disconnect")
	})
}

// TestISONames makes applications and files with ISO 7816-4 names.
func TestISONames(t *testing.T) {
	sessions(t, "iso-names", wire.FeatureEV1Auth, func(l *library, g wire.Generation) {
		l.gives(freeMemory[g], "free_mem")
		l.gives("none", "get_df_names")
		l.ok("authenticate 0 %s", defaultKey)
		l.gives("none", "get_df_names")
		l.ok("create_application_iso 111110 0x0f 1 1 0x111f -")
		l.ok("create_application_aes_iso 222220 0x0f 1 1 0x222f a0000000010203")
		l.ok("create_application_3k3des_iso 333330 0x0f 1 1 0x333f 000102030405060708090a0b0c0d0e0f")
		l.refused(wire.StatusDuplicateError, "create_application_iso 444440 0x0f 1 0 0x444f a0000000010203")
		l.ok("authenticate 0 %s", defaultKey)
		names := "222220:222f:a0000000010203 333330:333f:000102030405060708090a0b0c0d0e0f"
		l.gives("111110:111f: "+names, "get_df_names")
		l.ok("select_application 111110")
		l.gives("none", "get_iso_file_ids")
		l.ok("authenticate 0 %s", defaultKey)
		l.ok("create_std_data_file_iso 7 1 0xeeee 32 0x1234")
		l.ok("create_backup_data_file_iso 6 3 0xeeee 32 0xe103")
		l.gives("1234 e103", "get_iso_file_ids")
		l.ok("select_application 000000")
		l.gives("111110:111f: "+names, "get_df_names")
		l.ok("select_application 222220")
		l.ok("create_std_data_file_iso 1 0 0xeeee 32 0x1234")
		l.ok("create_backup_data_file_iso 2 1 0xeeee 32 0x2345")
		l.ok("authenticate_aes 0 aes:%032x", 0)
		l.ok("create_linear_record_file_iso 3 3 0xeeee 32 10 0x3456")
		l.ok("create_cyclic_record_file_iso 4 0 0xeeee 32 10 0x4567")
		l.refused(wire.StatusDuplicateError, "create_std_data_file_iso 5 0 0xeeee 32 0x1234")
		l.ok("select_application 222220")
		l.gives("1234 2345 3456 4567", "get_iso_file_ids")
		l.gives("1 2 3 4", "get_file_ids")
		if f := fileOf(l.t, l.reader, 0x222220, 3); !bytes.Equal(f.ISOID, []byte{0x34, 0x56}) {
			l.t.Errorf("file 3 is %X", []byte(f.ISOID))
		}
	})
}

// TestErrorsInD40Session: what libfreefare's authors found with cards (their
// test_mifare_desfire.c): a write to a record file that was cleared in the same
// transaction is refused with 9D, aborts the transaction and keeps the session.
func TestErrorsInD40Session(t *testing.T) {
	sessions(t, "", wire.FeatureD40Auth, func(l *library, g wire.Generation) {
		l.ok("create_application %06x 0x0f 1", app)
		l.ok("select_application %06x", app)
		l.ok("create_linear_record_file 1 3 0x0000 8 3")
		l.ok("authenticate 0 %s", defaultKey)
		l.gives("8", "write_record 1 0 0102030405060708")
		l.ok("commit_transaction")
		l.ok("clear_record_file 1")
		l.refused(wire.StatusPermissionDenied, "write_record 1 0 0102030405060708")
		l.gives("0102030405060708", "read_records 1 0 1")
		l.ok("clear_record_file 1")
		l.ok("commit_transaction")
		l.gives("8", "write_record 1 0 0102030405060708")
		l.ok("commit_transaction")
	})
}

// TestDistrust changes a bit in answers: libfreefare must find every one. Only
// then is its consent worth something.
func TestDistrust(t *testing.T) {
	for _, c := range channels {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := start(t, put(t, newCard(t, wire.EV1)))
			l.ok("%s %06x 0x0f 1", c.create, app)
			l.ok("select_application %06x", app)
			l.ok("create_std_data_file 1 1 0x0000 30")
			l.ok("create_std_data_file 2 3 0x0000 30")
			l.ok("create_value_file 3 1 0x0000 0 100 50 0")
			l.ok("create_value_file 4 3 0x0000 0 100 50 0")
			calls := []string{"read_data 1 0 20", "read_data 2 0 20", "read_data 2 0 0", "get_value 3", "get_value 4", "get_card_uid"}
			if !c.d40() {
				calls = append(calls, "write_data 1 0 010203", "write_data 2 0 010203", "credit 4 1", "commit_transaction", "get_key_version 0",
					"get_file_settings 1", "get_file_ids", "get_key_settings", "change_file_settings 1 1 0x0000", "free_mem", "get_version")
			}
			for i, call := range calls {
				for _, bit := range []int{0, 9, 31} {
					l.ok("select_application %06x", app) // forgets the settings of files
					l.ok("%s 0 %s", c.authenticate, c.zero)
					switch words := strings.Fields(call); {
					case call == "commit_transaction":
						l.ok("credit 4 1")
					case len(words) > 1 && words[0] != "get_key_version" && words[0] != "get_file_settings":
						l.call("get_file_settings " + words[1]) // which it would ask first
					}
					l.card.Inject(sim.Fault{Exchange: 1, Kind: sim.FlipAnswerBit, Bit: bit + i})
					l.distrusted("%s", call)
					l.card.ClearFaults()
				}
			}
		})
	}
}

// TestLiftedCard: a lifted card is no card, and one that comes back, or was
// deselected, has forgotten its session.
func TestLiftedCard(t *testing.T) {
	l := start(t, put(t, newCard(t, wire.EV1)))
	l.ok("create_application %06x 0x0f 1", app)
	l.ok("authenticate 0 %s", defaultKey)
	l.card.Lift()
	l.distrusted("delete_application %06x", app)
	l.ok("disconnect")
	l.distrusted("connect") // waits for a card until libnfc gives up
	l.distrusted("get_version")
	l.laysBack(l.t)
	l.ok("connect")
	l.refused(wire.StatusAuthenticationError, "delete_application %06x", app)
	l.ok("authenticate 0 %s", defaultKey)
	l.ok("disconnect")
	l.ok("connect")
	l.refused(wire.StatusAuthenticationError, "delete_application %06x", app)
	l.ok("authenticate 0 %s", defaultKey)
	l.ok("delete_application %06x", app)
	l.finish("")
}
