package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sdmCases are the messages of public reports, as command lines of sdm verify. By
// their name they are the rows of testdata/cases/sdm-cases.tsv; "bolt2 url" is
// another way to ask for bolt2.
var sdmCases = []struct {
	name string
	code int
	want []string // in what is printed
	args []string
}{
	{"bolt1", 0, []string{"genuine: UID 04996C6A926980, counter 3"}, []string{"--meta-key", boltMeta, "--file-key", boltFile, "--picc", "4E2E289D945A66BB13377A728884E867", "--mac", "E19CCB1FED8892CE"}},
	{"bolt2", 0, []string{"counter 5"}, []string{"--meta-key", boltMeta, "--file-key", boltFile, "--picc", "00F48C4F8E386DED06BCDC78FA92E2FE", "--mac", "66B4826EA4C155B4"}},
	{"bolt2 url", 0, []string{"counter 5", "no text", "lower case", `left out: "utm_source"`, "fragment"}, []string{"--meta-key", boltMeta, "--file-key", boltFile, "LNURLW://Bolt.example/ln?c=66b4826ea4c155b4&utm_source=x&p=00F48C4F8E386DED06BCDC78FA92E2FE#top"}},
	{"bolt3", 0, []string{"counter 7"}, []string{"--meta-key", boltMeta, "--file-key", boltFile, "--picc", "0DBF3C59B59B0638D60B5842A997D4D1", "--mac", "CC61660C020B4D96"}},
	{"bolt3 swapped", 6, []string{"the two keys are swapped", "Swap --meta-key and --file-key"}, []string{"--meta-key", boltFile, "--file-key", boltMeta, "--picc", "0DBF3C59B59B0638D60B5842A997D4D1", "--mac", "CC61660C020B4D96"}},
	{"java9", 0, []string{"genuine: UID 049F50824F1390, counter 16", `"19.05.2024 12:22:33#1234************************"`}, withZeros("?picc_data={picc}&enc={from}{enc:48}&cmac={mac}", javaURL)},
	{"java9 alone", 0, []string{"counter 16", `cmac="`, "template     https://sdm.nfcdeveloper.com/tag?picc_data={picc}&enc={from}{enc:48}&cmac={mac}"}, withZeros(javaURL)},
	{"java9 moved", 0, []string{"counter 16", "stand in another order"}, withZeros("https://sdm.nfcdeveloper.com/tag?picc_data={picc}&enc={from}{enc:48}&cmac={mac}", "http://SDM.nfcdeveloper.com/tag/?cmac=5FD76DE4BD942DFC&"+javaEnc+"&fbclid=1&picc%5Fdata=4E8D0223F8C17CDCCE5BC24076CFAA0D")},
	{"java9 moved alone", 0, []string{"counter 16", "in another order than they stand in"}, withZeros("https://sdm.nfcdeveloper.com/tag?cmac=5FD76DE4BD942DFC&" + javaEnc + "&picc_data=4E8D0223F8C17CDCCE5BC24076CFAA0D")},
	{"java9 other range", 6, []string{"covers UID, counter and", "say it by the template: https://sdm.nfcdeveloper.com/tag?picc_data={picc}&enc={from}{enc:48}&cmac={mac}"}, withZeros("https://sdm.nfcdeveloper.com/tag?{from}picc_data={picc}&enc={enc:48}&cmac={mac}", javaURL)},
	{"sdm46-a", 0, []string{"UID 04958CAA5C5E80, counter 1", `"xxxxxxxxxxxxxxxx"`}, withZeros("--picc", "FDE4AFA99B5C820A2C1BB0F1C792D0EB", "--enc", "94592FDE69FA06E8E3B6CA686A22842B", "--input", "94592FDE69FA06E8E3B6CA686A22842B&cmac=", "--mac", "C48B89C17A233B2C")},
	{"sdm46-a without input", 0, []string{"counter 1", `2842B&cmac="`}, withZeros("--picc", "FDE4AFA99B5C820A2C1BB0F1C792D0EB", "--enc", "94592FDE69FA06E8E3B6CA686A22842B", "--mac", "C48B89C17A233B2C")},
	{"sdm46-b", 6, []string{"the MAC is wrong", "decipher to UID 04958CAA5C5E80, counter 1"}, withZeros("--picc", "FDE4AFA99B5C820A2C1BB0F1C792D0EB", "--enc", "5F6F7965BAD8FA5FE7009D5A7D493BD5", "--input", "5F6F7965BAD8FA5FE7009D5A7D493BD5&cmac=", "--mac", "C48B89C17A233B2C")},
	{"reddit2", 0, []string{"UID 04494ACAFD1990, counter 30"}, withZeros("--uid", "04494ACAFD1990", "--ctr", "30", "--mac", "A438C74D55D3BDA8")},
	// What the tag of that report showed: the reporter took it to cover nothing.
	{"reddit2 url", 0, []string{"template     myprefix://uid={from}{uid}&ctr={ctr}&mac={mac}", "not covered  \"myprefix://uid=\""}, withZeros("myprefix://uid=04494ACAFD1990&ctr=00001E&mac=E8E4FD1BDC5005D3")},
	{"nxp509686", 0, []string{"UID 04C767F2066180, counter 1"}, withZeros("https://{from}ntag.nxp.com/424?uid={uid}&ctr={ctr}&c={mac}", nxpURL)},
	{"nxp509686 other range", 6, []string{`covers UID, counter and "ntag.nxp.com/424?uid=`, "say it by the template: https://{from}ntag.nxp.com/424?uid={uid}&ctr={ctr}&c={mac}"}, withZeros("https://ntag.nxp.com/424?uid={uid}&ctr={ctr}&c={mac}", nxpURL)},
	{"sdm31", 9, []string{"30 digits (15 bytes)", "the place is too narrow"}, withZeros("cmac=3024237ECA5E5B44&picc_data=D3754B026C37ADE1E02BF49CF491F4")},
	{"sdm31 template", 9, []string{"30 digits (15 bytes)"}, withZeros("https://sdm.nfcdeveloper.com/tag?cmac={mac}&picc_data={picc}", "https://sdm.nfcdeveloper.com/tag?cmac=3024237ECA5E5B44&picc_data=D3754B026C37ADE1E02BF49CF491F4")},
	{"sdm31 parts", 2, []string{"15 bytes"}, withZeros("--picc", "D3754B026C37ADE1E02BF49CF491F4", "--mac", "3024237ECA5E5B44")},
	{"bulk1", 0, []string{"UID 04C24EDA926980, counter 1", `"NT1x`}, []string{"--meta-key", bulkMeta, "--file-key", "aes:1FD0D360CCF906DF902CC8404C7CE5AA", "--picc", "8DE9030262807261850FCCF5FE007E21", "--enc", bulkEnc, "--input", bulkEnc, "--mac", "DF3EF20BE7D91C8E"}},
	{"bulk1 one value", 0, []string{"counter 1", "template     https://x.example/tagtt?e={picc}{from}{enc:64}{mac}"}, []string{"--meta-key", bulkMeta, "--file-key", "aes:1FD0D360CCF906DF902CC8404C7CE5AA", "https://x.example/tagtt?e=8DE9030262807261850FCCF5FE007E21" + bulkEnc + "DF3EF20BE7D91C8E"}},
	{"bulk1 derived", 0, []string{"counter 1"}, []string{"--master-key", "hmac:" + bulkMaster, "--diversify", "sdm-backend", "--picc", "8DE9030262807261850FCCF5FE007E21", "--enc", bulkEnc, "--mac", "DF3EF20BE7D91C8E"}},
	{"bulk2", 0, []string{"UID 047D5F2AAA6180, counter 2", `aaaaEEEEEEEEE"`}, []string{"--meta-key", bulkMeta, "--file-key", "aes:97D1C3D765BC22AB707E80723E17B126", "--picc", "4F5B914723915D456C038FE658686CD5", "--enc", "5CE7DCDEA93F5DA7AAA0AADC97485ABF", "--mac", "FFCD8DE82AD05289"}},
	// More of sdm-backend's tests.
	{"backend-custom", 0, []string{"UID 041D3C8A2D6B80, counter 291", `"NTXXqno_oBFpwy-V"`}, []string{"--meta-key", zeroKey, "--meta-key", "aes:42aff114f2cb3b6141be6dc95dfc5416", "--file-key", "aes:b62a9baf092439bd43c62aee96b970c5", "--picc", "8ACADDEF0A9B62CDAE39A16B83FC14DE", "--enc", "B8436E11F627BB7F543FCC0C1E0D1A89", "--mac", "238B2543A8DEBAD8"}},
	{"backend-lrp1", 0, []string{"UID 049B112A2F7080, counter 4", `"NTXXb7dz3PsYYBlU"`, "the tag uses LRP"}, withZeros("--picc", "07D9CA2545881D4BFDD920BE1603268C0714420DD893A497", "--enc", "D6E921C47DB4C17C56F979F81559BB83", "--mac", "F9481AC7D855BDB6")},
	{"backend-lrp2", 0, []string{"UID 04940E2A2F7080, counter 3"}, withZeros("--lrp", "https://x.example/?p={picc}&m={mac}", "https://x.example/?p=1FCBE61B3E4CAD980CBFDD333E7A4AC4A579569BAFD22C5F&m=4231608BA7B02BA9")},
	{"backend-lrp2 unsaid", 0, []string{"counter 3", "the tag uses LRP"}, withZeros("https://x.example/?p={picc}&m={mac}", "https://x.example/?p=1FCBE61B3E4CAD980CBFDD333E7A4AC4A579569BAFD22C5F&m=4231608BA7B02BA9")},
	{"backend-kdf-swapped-scheme", 6, []string{"the MAC is made with a key of zeros"}, []string{"--master-key", "hmac:" + bulkMaster, "--diversify", "sdm-backend", "--uid", "041E3C8A2D6B80", "--ctr", "6", "--mac", "4B00064004B0B3D3"}},
	{"coincorner", 9, []string{"base32 of 20 bytes", "base32 of 10 bytes"}, withZeros("https://x.example/?picc_data=W2N54LKZYLIKWBXK4HQEFX44UG2VBXKK&cmac=WZEDHGN6TVWO32JT")},
	{"coincorner parts", 2, []string{"base32 of 20 bytes"}, withZeros("--picc", "W2N54LKZYLIKWBXK4HQEFX44UG2VBXKK", "--mac", "WZEDHGN6TVWO32JT")},
}

const (
	zeroKey    = "aes:00000000000000000000000000000000"
	boltMeta   = "aes:0c3b25d92b38ae443229dd59ad34b85d"
	boltFile   = "aes:b45775776cb224c75bcde7ca3704e933"
	bulkMeta   = "aes:c3b653d8484d82fd9d5dc48840e1f94e"
	bulkMaster = "47BBB68AFA73F31310BEEFCE5DDA692DBAD671A03FEAD5A9BBDBCF3CD6D4C521"
	bulkEnc    = "382B4C3D68552C3A5F417F0695A3D857923764E1737AD1F80E834E46387F45DC77FE7468BBCF9DBF43B29CA58E8D6435F908C9C0CD56E9B4B9960FE1279C5DF1"
	javaEnc    = "enc=B56FED7FF7B23791C0684F17E117C97450723BB5C104E809C8929F0264CB99F9969D07FC32BB2D11995AEF826E355097"
	javaURL    = "https://sdm.nfcdeveloper.com/tag?picc_data=4E8D0223F8C17CDCCE5BC24076CFAA0D&" + javaEnc + "&cmac=5FD76DE4BD942DFC"
	nxpURL     = "https://ntag.nxp.com/424?uid=04C767F2066180&ctr=000001&c=DB7537CE9176EC3C"
)

func withZeros(args ...string) []string {
	return append([]string{"--meta-key", zeroKey, "--file-key", zeroKey}, args...)
}

func TestSDMCases(t *testing.T) {
	rows := map[string]bool{}
	for _, c := range sdmCases {
		rows[strings.Fields(c.name)[0]] = true
		t.Run(c.name, func(t *testing.T) {
			code, out, errs := tool(append([]string{"sdm", "verify"}, c.args...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, want := range c.want {
				if !strings.Contains(strings.Join(strings.Fields(out+errs), " "), strings.Join(strings.Fields(want), " ")) {
					t.Errorf("%s%s\nwant %q", out, errs, want)
				}
			}
			if c.code != 0 && out != "" {
				t.Errorf("a message that is not accepted prints %s", out)
			}
		})
	}
	table, err := os.ReadFile(filepath.Join("..", "..", "testdata", "cases", "sdm-cases.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		if name, _, _ := strings.Cut(line, "\t"); !strings.HasPrefix(name, "#") && !rows[name] {
			t.Errorf("no command line for %s", name)
		}
	}
}
