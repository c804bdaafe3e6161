package sim

import (
	"testing"

	"github.com/go-desfire/desfire/wire"
)

const (
	zero8  = "0000000000000000"
	zero16 = zero8 + zero8
	zero24 = zero16 + zero8
)

// replays are the recordings that our card reproduces.
var replays = []replay{
	{id: "coelho-ev1-iso-des", generation: wire.EV1},
	{id: "desox-ev3-application", generation: wire.EV3, size: 4096},
	{id: "desox-ev3-application-390a868", generation: wire.EV3, size: 4096},
	{id: "desox-ev3-file-io-3309ce2", generation: wire.EV3, size: 4096},
	{id: "desox-ev3-key-change-app-des-des", generation: wire.EV3, size: 4096},
	{id: "desox-ev3-metadata", generation: wire.EV3, size: 4096},
	{id: "gentilkiwi-ev3-taginfo-a", generation: wire.EV3, size: 8192},
	{id: "libfreefare-68-changekey-unauth", generation: wire.EV1, size: 4096},
	{id: "mifareforum-12600-d40-1e", generation: wire.EV1},
	{id: "nfcjlib-ev1-auth", generation: wire.EV1, setUp: piccKey(wire.KeyAES, zero16, 0)},
	{id: "nfcjlib-issue2-ae", generation: wire.EV1, setUp: func(t *testing.T, c *Card) {
		addApp(t, c, "010000", wire.KeyAES, 4, cardKey{})
	}, selected: "010000"},
	{id: "nfcpcsc-131-ev2-auth-ae", generation: wire.EV2, size: 2048, setUp: piccKey(wire.KeyAES, zero16, 0)},
	{id: "nxp-1890756-ev2-d40-auth", generation: wire.EV2},
	{id: "nxp-395903-d40-auth", generation: wire.EV1},
	{id: "pm3-pr3638-ev1-d40", generation: wire.EV1},
	{id: "pydesfire-20-aes-auth", generation: wire.EV2, setUp: piccKey(wire.KeyAES, zero16, 0)},
	{id: "rfdoorlock-ev1-2k3des", generation: wire.EV1, setUp: oneApp("16de00", wire.KeyDES, 2, cardKey{})},
	{id: "rfdoorlock-ev1-picc-des", generation: wire.EV1},
	{id: "skjolber-ev1-test3k3des1", generation: wire.EV1, setUp: oneApp("cccccc", wire.Key3K3DES, 1, cardKey{})},
	{id: "skjolber-ev1-testaes1", generation: wire.EV1, size: 4096, setUp: piccKey(wire.KeyAES, zero16, 0x42)},
	{id: "skjolber-ev1-testaes3", generation: wire.EV1, size: 4096, setUp: piccKey(wire.KeyAES, zero16, 0x42)},
	{id: "skjolber-ev1-testdes1", generation: wire.EV1, size: 4096},
	{id: "talktoyour-ev3-d40-changedkey", generation: wire.EV3, size: 2048, selected: "d3d2d1",
		setUp: oneApp("d3d2d1", wire.KeyDES, 2, cardKey{no: 1, typ: wire.KeyDES,
			value: []byte("\xd1\x00\x23\x45\x67\x89\xab\xcd\xd1\x00\x23\x45\x67\x89\xab\xcd")})},
	{id: "taplinx-ev3-create-ndef", generation: wire.EV3, stop: 7,
		why: "the recording mixes two runs: file 2 reads back with other rights than it was created with"},
}

// notReplayed are the recordings that our card cannot reproduce, and why.
var notReplayed = []struct{ id, why string }{}

func preset(t *testing.T, c *Card, x traceExchange) {}
