package screen

import "testing"

func TestDump(t *testing.T) {
	for _, tc := range []struct {
		data string
		base int
		want Text
	}{
		{"", 0, ""},
		{"Hello", 0x10, "00000010  48 65 6C 6C 6F                                    |Hello|\n"},
		// Sixteen bytes end in the middle of a character, which stands where it begins.
		{"Zürich, Genève, €5", 0, "" +
			"00000000  5A C3 BC 72 69 63 68 2C  20 47 65 6E C3 A8 76 65  |Zürich, Genève|\n" +
			"00000010  2C 20 E2 82 AC 35                                 |, €5|\n"},
		{"0123456789abcde€!", 0, "" +
			"00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 E2  |0123456789abcde€|\n" +
			"00000010  82 AC 21                                          |!|\n"},
		{"\x1B[2J\n\x00\x7F", 0, "00000000  1B 5B 32 4A 0A 00 7F                              |.[2J...|\n"},
		{"\u009B\u202Ea\u0301\xFF", 0, "00000000  C2 9B E2 80 AE 61 CC 81  FF                       |.....a...|\n"},
		{"\uFFFD\xC3", 0, "00000000  EF BF BD C3                                       |....|\n"},
	} {
		if got := Dump([]byte(tc.data), tc.base); got != tc.want {
			t.Errorf("%q:\n%q\nwant\n%q", tc.data, got, tc.want)
		}
	}
}
