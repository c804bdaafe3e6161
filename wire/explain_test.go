package wire_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/go-desfire/desfire/wire"
)

// What people read in a trace.
func TestExplain(t *testing.T) {
	for _, x := range []struct {
		m    wire.Message
		hex  string
		p1p2 [2]byte
		le   int
		want string
	}{
		{new(wire.ReadData), "02320000 0E0000", [2]byte{}, -1, "0+1 FileNo=2; 1+3 Offset=50; 4+3 Length=14"},
		{new(wire.CreateApplication), "010000 0F 21 10E1 D2760000850101", [2]byte{}, -1,
			"0+3 AID=000001; 3+1 KeySett1=master key changeable, free directory, free create, settings changeable, keys change under the master key; " +
				"4+1 KeySett2=1 DES/2K3DES key, files with ISO identifiers; 5+2 ISOFID=E110; 7+7 DFName=D2760000850101"},
		{new(wire.CreateStdDataFile), "01 03E1 01 3412 0F0000", [2]byte{}, -1,
			"0+1 FileNo=1; 1+2 ISOFID=E103; 3+1 FileOption=mac; 4+2 AccessRights=read key 1, write key 2, read-write key 3, change key 4; 6+3 Size=15"},
		{new(wire.ApplicationIDs), "16DE00 CCBBAA", [2]byte{}, -1, "0+3 AID[0]=00DE16; 3+3 AID[1]=AABBCC"},
		{new(wire.DFNames), "563412 10E1 D276", [2]byte{}, -1, "0+3 Application[0].AID=123456; 3+2 Application[0].ISOFID=E110; 5+2 Application[0].DFName=D276"},
		{new(wire.FileSettings), "05 21 301F 02 A1 0A000000", [2]byte{}, -1,
			"0+1 FileType=tmac; 1+1 FileOption=mac, counter limit; 2+2 AccessRights=read key 1, write never, read-write key 3, change key 0; " +
				"4+1 TMKeyOption=AES; 5+1 TMKeyVersion=A1; 6+4 TMCLimit=10"},
		{new(wire.ChangeKey), "00 000102030405060708090A0B0C0D0E0F A1", [2]byte{}, -1, "0+1 KeyNo=0; 1+17 KeyData=(17 bytes of key)"},
		{new(wire.CreateTransactionMACFile), "0F 01 301F 02 000102030405060708090A0B0C0D0E0F A1", [2]byte{}, -1,
			"0+1 FileNo=15; 1+1 FileOption=mac; 2+2 AccessRights=read key 1, write never, read-write key 3, change key 0; 4+1 TMKeyOption=AES; 5+16 TMKey=(16 bytes of key); 21+1 TMKeyVersion=A1"},
		{new(wire.SetConfiguration), "00 03", [2]byte{}, -1, "0+1 Option=PICC configuration; 1+1 PICCConfig=format disabled, random ID"},
		{new(wire.GetKeyVersion), "40 80", [2]byte{}, -1, "0+1 KeyNo=0x40; 1+1 KeySetNo=80"},
		{new(wire.GetValue), "83", [2]byte{}, -1, "0+1 FileNo=3 of the second application"},
		{new(wire.ISOSelect), "D2760000850100", [2]byte{4, 0x0C}, -1, "-1+1 P1=by name; -1+1 P2=no data; 0+7 DFName=D2760000850100"},
		{new(wire.ISOReadBinary), "", [2]byte{0x84, 16}, 256, "-1+1 ShortEF=4; -1+1 Offset=16; -1+1 Le=256"},
		{new(wire.ISOReadBinary), "", [2]byte{0x12, 0x34}, 256, "-1+1 Offset (high)=12; -1+1 Offset=4660; -1+1 Le=256"},
		{new(wire.ISOExternalAuthenticate), "0102", [2]byte{9, 0x83}, -1, "-1+1 Algorithm=AES; -1+1 KeyRef=application key 03; 0+2 Token=0102"},
		{new(wire.ISOReadRecord), "", [2]byte{2, 0x25}, 32, "-1+1 Record=2; -1+1 ShortEF, Mode=4, from this record on; -1+1 Le=32"},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(x.hex, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		var c wire.Coder
		fields, err := c.Explain(wire.Encoded{Bytes: b, P1: x.p1p2[0], P2: x.p1p2[1], Le: x.le}, x.m)
		if err != nil {
			t.Errorf("%T: %v", x.m, err)
		}
		var got []string
		for _, f := range fields {
			got = append(got, fmt.Sprintf("%d+%d %s=%s", f.Offset, f.Len, f.Name, f.Value))
		}
		if s := strings.Join(got, "; "); s != x.want {
			t.Errorf("%T:\n got %s\nwant %s", x.m, s, x.want)
		}
	}
}

// No message prints key bytes, in no field and no error.
func TestExplainHidesKeys(t *testing.T) {
	key := "000102030405060708090A0B0C0D0E0F"
	for _, v := range loadVectors(t) {
		switch v.Command {
		case "ChangeKey", "ChangeKeyEV2", "CreateTransactionMACFile":
		case "SetConfiguration":
			if v.Encoded.Bytes[0] != byte(wire.ConfigDefaultKey) {
				continue
			}
		default:
			continue
		}
		var c wire.Coder
		fields, err := c.Explain(v.Encoded, v.New())
		hidden := false
		for _, f := range fields {
			hidden = hidden || strings.Contains(f.Value, "bytes of key")
			if f.Len >= 16 && !strings.Contains(f.Value, "bytes of key") || strings.Contains(f.Value, key) {
				t.Errorf("%v shows %s=%s", v, f.Name, f.Value)
			}
		}
		if err != nil || !hidden {
			t.Errorf("%v: %v, nothing hidden", v, err)
		}
	}
}

// A message that breaks off is explained as far as it goes.
func TestExplainPart(t *testing.T) {
	var c wire.Coder
	fields, err := c.Explain(wire.Encoded{Bytes: []byte{2, 0x32, 0}, Le: -1}, new(wire.ReadData))
	if err == nil || len(fields) != 1 || fields[0].Name != "FileNo" {
		t.Errorf("%+v, %v", fields, err)
	}
}
