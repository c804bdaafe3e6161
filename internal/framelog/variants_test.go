package framelog

import "testing"

// variants are other writings of the kinds that testdata/cases has, as programs
// and people write them. What stands in them is written down as in cases.
var variants = []struct{ name, log, want string }{
	{"gp1", `# gp -d -l
# Detected readers from JNA2PCSC
SCardConnect("ACS ACR122 0", T=*) -> T=1, 3B8180018080
SCardBeginTransaction("ACS ACR122 0")
A>> T=1 (4+0007) 00A40400 07 D2760000850101 00
A<< (0000+2) (12ms) 9000
A>> T=1 (4+0000) 90600000 00
A<< (0007+2) (9ms) 04010133001805 91AF
A>> T=1 (4+0000) 90AF0000 00
A<< (0014+2) (9ms) 04112233445580BA5490DB802114 9100
SCardEndTransaction()
SCardDisconnect("ACS ACR122 0", true)
`, `
		> 00A4040007D276000085010100
		< 9000
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 04112233445580BA5490DB8021149100`},
	{"gp2", `[DEBUG] CardChannel - A>> T=1 (4+0005) 90CA0000 05 01020F8100 00
[DEBUG] CardChannel - A<< (0000+2) (33ms) 91DE
A>> T=CL (4+0000) 90600000 00
A<< (0007+2) (9ms) 04010133001805 91AF
`, `
		> 90CA00000501020F810000
		< 91DE
		> 9060000000
		< 0401013300180591AF`},
	{"opensc2", `P:1234; T:0x140 12:00:01.136 [opensc-tool] reader-pcsc.c:284:pcsc_transmit:
Outgoing APDU (18 bytes):
00 A4 04 00 0C A0 00 00 03 08 00 00 10 00 01 00 ................
01 00                                           ..
P:1234; T:0x140 12:00:01.136 [opensc-tool] reader-pcsc.c:213:pcsc_internal_transmit: called
Incoming APDU (24 bytes):
61 62 63 64 65 66 67 68 69 6A 6B 6C 6D 6E 6F 70 abcdefghijklmnop
04 01 01 33 00 16 91 00                         ...3....
`, `
		> 00A404000CA0000003080000100001000100
		< 6162636465666768696A6B6C6D6E6F700401013300169100`},
	{"hexdump1", `===> 0000  90 5A 00 00 03 01 02 03 00
<=== 0000  91 00
===> 0000  90 AA 00 00 01 00 00
<=== 0000  7a ca 0f d9 bc d6 ec 7c 9f 97 46 66 16 e6 a2 82
     0010  91 af
===> 0000  90 60 00 00 00
<=== 0000  91 AE
`, `
		> 905A00000301020300
		< 9100
		> 90AA0000010000
		< 7ACA0FD9BCD6EC7C9F97466616E6A28291AF
		> 9060000000
		< 91AE`},
	{"hexdump2", "TX:\n" +
		"00000000  90 af 00 00 20 ff e5 6e  63 38 1a 57 8d af 13 55  |.... ..nc8.W...U|\n" +
		"00000010  ac b2 a2 a3 39 cc 3a 23  34 5e 37 f7 97 93 51 39  |....9.:#4^7...Q9|\n" +
		"00000020  23 35 d6 6d 01 00                                 |#5.m..|\n" +
		"RX:\n" +
		"00000000  91 ae                                             |..|\n" +
		"TX:\n" +
		"00000000: 9060 0000 00                             .`...\n" +
		"RX:\n" +
		"00000000: 0401 0133 0018 0591 af                   ...3.....\n", `
		> 90AF000020FFE56E63381A578DAF1355ACB2A2A339CC3A23345E37F7979351392335D66D0100
		< 91AE
		> 9060000000
		< 0401013300180591AF`},
	{"hexdump3", "> 0000: 90 60 00 00 00                                    .`...\n" +
		"< 0000: 04 01 01 33 00 18 05 91 AF                        ...3.....\n", `
		> 9060000000
		< 0401013300180591AF`},
	{"freefare", `*** mifare_desfire_select_application ***
===> 0000   90 5a 00 00 03 00 00 01 00 
<=== 0000   91 00
PICC replied OPERATION_OK
*** authenticate ***
===> 0000   90 0a 00 00 01 02 00
<=== 0000   6c 62 96 21 59 07 b6 4e 91 af
*** authenticate ***
===> 0000   90 af 00 00 10 a3 54 d9 35 6f e3 3e 0d 68 a5 31
===> 0010   bb 81 40 4b f6 00
<=== 0000   91 ae
PICC replied AUTHENTICATION_ERROR
`, `
		> 905A00000300000100
		< 9100
		> 900A0000010200
		< 6C6296215907B64E91AF
		> 90AF000010A354D9356FE33E0D68A531BB81404BF600
		< 91AE`},
	{"odd", `> 90 60 00 00 00
< 04 01 01 33 00 16 05 91 A
> 90 AF 00 00 00
< 04 01 01 33 00 16 05 91 AF
`, `
		> 9060000000
		! missing
		> 90AF000000
		< 0401013300160591AF
		? 2 missing`},
	{"data_sw", `APDU: 90 60 00 00 00
Data: 04 01 01 33 00 16 05
SW1 SW2: 91 AF
APDU: 90 AF 00 00 00
Response: 04 01 01 33 00 16 05
SW: 91AF
C-APDU: 90 AF 00 00 00
R-APDU: 04112233445580BA5490DB802114 SW=9100
`, `
		> 9060000000
		< 0401013300160591AF
		> 90AF000000
		< 0401013300160591AF
		> 90AF000000
		< 04112233445580BA5490DB8021149100`},
	{"swfirst", `command: 90 0A 00 00 01 00 00
response: 91 AF 57 B0 11 22 33 44 55 66
command: 90 AF 00 00 10 11 22 33 44 55 66 77 88 11 22 33 44 55 66 77 88 00
response: 91 00 B5 11 22 33 44 55 66 77
`, `
		> 0A00
		< AF57B0112233445566
		> AF11223344556677881122334455667788
		< 00B511223344556677`},
	{"reversed_air", `<- 26
-> 44 03
<- 93 20
-> 88 04 11 22 bf
<- E0 50 BC A5
-> 06 75 77 81 02 80 02 F0
<- 02 90 60 00 00 00 14 98
-> 02 04 01 01 33 00 18 05 91 AF 2A BE
<- 03 90 AF 00 00 00 1F 15
-> 03 91 1C 18 90
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 911C`},
	{"rev_air_native", `<- E0 50 BC A5
-> 06 75 77 81 02 80 02 F0
<- 02 0A 00 DC ED
-> 02 AF 1C D9 A5 0D AB FC 43 73 1F E8
<- 03 AF 19 74 CA 68 52 52 18 83 2E 02 35 36 3F 9C 89 26 9E 32
-> 03 AE BC 78
`, `
		> 0A00
		< AF1CD9A50DABFC4373
		> AF1974CA68525218832E0235363F9C8926
		< AE`},
	{"reversed_native", `<< 0A 00
>> AF 1C D9 A5 0D AB FC 43 73
<< AF 19 74 CA 68 52 52 18 83 2E 02 35 36 3F 9C 89 26
>> AE
`, `
		> 0A00
		< AF1CD9A50DABFC4373
		> AF1974CA68525218832E0235363F9C8926
		< AE`},
	{"hce", `D/HCE: processCommandApdu: received APDU: 00A4040007D276000085010100
D/HCE: Sending response: 9000
D/HCE: Received APDU: 905A00000300000000
D/HCE: Sending response APDU: 9100
`, `
		> 00A4040007D276000085010100
		< 9000
		> 905A00000300000000
		< 9100`},
	{"nfcpy", `DEBUG:nfc.tag.tt4:>> 9060000000
DEBUG:nfc.clf.pn53x:>> 0000ff08f8d440019060000000fb00
[nfc.tag.tt4] << 0401013300180591af
`, `
		> 9060000000
		< 0401013300180591AF`},
	{"acr", `debug	libnfc.driver.acr122_pcsc	TX: ff 00 00 00 08 d4 40 01 90 60 00 00 00
debug	libnfc.driver.acr122_pcsc	RX: d5 41 00 04 01 01 33 00 18 05 91 af 90 00
`, `
		> FF00000008D440019060000000
		< D541000401013300180591AF9000`},
	{"pysc", `> [0x90, 0x60, 0x00, 0x00, 0x00]
< [4, 1, 1, 51, 0, 24, 5] 0x91 0xaf
sending [144, 175, 0, 0, 0]
received: [4, 1, 1, 3, 0, 24, 5] 145 175
sending: 90 AF 00 00 00
received: 04 11 22 33 44 55 80 BA 54 90 DB 80 21 14 91 0
APDU: [144, 96, 0, 0, 0]
data: [4, 1, 1, 51, 0, 24, 5] sw1: 145 sw2: 175
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401010300180591AF
		> 90AF000000
		! missing
		> 9060000000
		< 0401013300180591AF
		? 6 missing`},
	{"flipper2", `72000 [D][Iso14443_4aPoller] Read ATS success
72000 [I][MfDesfirePoller] Poller: 60
72003 [I][MfDesfirePoller] Tag: AF 04 01 02 12 00 1A 05
72004 [I][MfDesfirePoller] Poller: AF 04 01 02 12 00 1A 05
72006 [I][MfDesfirePoller] Tag: AF 04 01 01 02 01 1A 05
72007 [I][MfDesfirePoller] Poller: AF 04 01 01 02 01 1A 05
72010 [I][MfDesfirePoller] Tag: 00 04 22 2F 4A 89 0F 90 CF 5D 14 55 40 40 21
72032 [I][NfcScanner] Detected 1 protocols
`, `
		> 60
		< AF04010212001A05
		> AF
		< AF04010102011A05
		> AF
		< 0004222F4A890F90CF5D1455404021`},
	{"nxpnci", `07-24 18:54:26.173   903  3890 D NxpNciX : len =   8 > 0000059060000000
07-24 18:54:26.176   903  3890 D NxpNciR : len =   6 > 600603010001
07-24 18:54:26.178   903  3890 D NxpNciR : len =  12 > 00000904010133001805 91AF
07-24 18:54:26.178   903  3890 D NxpTml  : PN54X - Write requested.....
07-24 18:54:26.173   903  3890 D NxpNciX : len =   8 > 00000590AF000000
07-24 18:54:26.178   903  3890 D NxpNciR : len =  13 > 10000A04010133001805 91AF01
07-24 18:54:26.178   903  3890 D NxpNciR : len =   5 > 0000029100
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401013300180591AF019100`},
	{"bsp", `bsp_mifare --> 0b 01 90 fc 00 00 00 (tranceive, 56 bits)
bsp_mifare <-- fa 01 01 (24 bits)
bsp_mifare --> fa 01 01 (tranceive, 24 bits)
bsp_mifare <-- 0b 01 91 00 (32 bits)
bsp_mifare --> 0a 01 90 0a 00 00 01 00 00 (tranceive, 72 bits)
bsp_mifare <-- 0a 01 ad 51 73 29 dc 6e 33 cf 91 af (96 bits)
bsp_mifare --> 0a 01 90 aa 00 00 01 00 00 (tranceive, 72 bits)
bsp_mifare <-- (0 bits)
`, `
		> 90FC000000
		< 9100
		> 900A0000010000
		< AD517329DC6E33CF91AF
		> 90AA0000010000
		! `},
	{"pm3raw", `[usb] pm3 --> hf 14a raw -s -c 0260
[+] 02 AF 04 01 01 33 00 16 05 1C 56 [ ok ]
[usb] pm3 --> hf 14a raw -k -c 03AF
[+] 03 AF 04 01 01 03 00 18 05 03 CD
[usb] pm3 --> hf mfdes getuid
[+] raw>> 1A 00
[+] raw<< AF 04 01 02 03 04 05 06 07
`, `
		> 60
		< AF04010133001605
		> AF
		< AF04010103001805
		> 1A00
		< AF0401020304050607`},
	{"pm3apdu", `[usb] pm3 --> hf 14a apdu -sk -d 90AA0000010000
[+] >>>[ SELECT ] 90 AA 00 00 01 00 00 
[+] <<< AA BE 2F 31 64 A5 F2 36 AD A3 0A F4 D6 C4 EC 3F 91 AF | .../1d..6
[+] <<< status: 91 AF - Additional data
[usb] pm3 --> hf 14a apdu -k -d 90AF0000207737910847...00
[+] >>>> 90 AF 00 00 01 00
[+] <<<< status: 91 AE - unknown
`, `
		> 90AA0000010000
		< AABE2F3164A5F236ADA30AF4D6C4EC3F91AF
		> 90AF00000100
		< 91AE
		? 5 bytes`},
	{"toCard", ` • to card: 90 0A 00 00 01 00 00
 • from card 5B 57 69 C7 CE 4B 16 7B 91 AF
 • enciphered RandB = 5B 57 69 C7 CE 4B 16 7B
 • deciphered RandB' = 17 8D 23 57 10 C9 32 D5
 • one byte lshitf RandB' = 8D 23 57 10 C9 32 D5 17
 • Generated Rand A = 43 9D 17 8E 9A 5F BA 70
 • concatenate Rand A With Rand B'' = 43 9D 17 8E 9A 5F BA 70 8D 23 57 10 C9 32 D5 17
 • to card: 90 AF 00 00 10 43 9D 17 8E 9A 5F BA 70 8D 23 57 10 C9 32 D5 17 00
 • from card: 91 AE
`, `
		> 900A0000010000
		< 5B5769C7CE4B167B91AF
		> 90AF000010439D178E9A5FBA708D235710C932D51700
		< 91AE`},
	{"nfcjlib", `-->90 AA 00 00 01 03 00 
<--8F F7 DA 58 B2 5E D7 31 00 CF 49 C1 C9 C5 4D A7 91 AF 
RANDB:8F F7 DA 58 B2 5E D7 31 00 CF 49 C1 C9 C5 4D A7 
DECRYPTED RANDB':83 C7 3F AB A0 18 F2 43 11 87 32 57 30 1C DE 9C 
ENCRYPTED RANDA+RANDB':E9 1D C5 46 04 56 5A 95 49 72 CE D5 7B DD A7 40 29 8A 90 89 86 6B 8F B0 3E 9D 72 AB 79 E7 3C 8F 
-->90 AF 00 00 20 E9 1D C5 46 04 56 5A 95 49 72 CE D5 7B DD A7 40 29 8A 90 89 86 6B 8F B0 3E 9D 72 AB 79 E7 3C 8F 00 
<--91 AE
`, `
		> 90AA0000010300
		< 8FF7DA58B25ED73100CF49C1C9C54DA791AF
		> 90AF000020E91DC54604565A954972CED57BDDA740298A9089866B8FB03E9D72AB79E73C8F00
		< 91AE`},
	{"trunc", `sending <Buffer 90 af 00 00 20 ff e5 6e 63 38 1a 57 8d af 13 55 ac b2 a2 a3 39 cc 3a 23 34 5e 37 f7 97 93 51 39 23 35 d6 6d 01 00 01 02 03 04 05 06 07 08 09 10 11 12 ... 12 more bytes>
received data <Buffer 91 ae>
sending <Buffer 90 60 00 00 00>
received <Buffer 04 01 01 33 00 18 05 91 af>
`, `
		> 9060000000
		< 0401013300180591AF
		? 1 bytes
		? 2 1`},
	{"ios", `Send: <90600000 00>
Recv: <04010133 00180591 af>
send {length = 5, bytes = 0x90af000000}
recv {length = 64, bytes = 0x04010133 00180591 ... 00180591 91af0000 }
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		! bytes
		? 4 bytes`},
	{"uint8", `send Uint8Array(5) [ 144, 96, 0, 0, 0 ]
recv Uint8Array(9) [4, 1, 1, 51, 0, 24, 5, 145, 175]
send {"type":"Buffer","data":[144,175,0,0,0]}
recv {"type":"Buffer","data":[145,0]}
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF0000
		< 9100`},
	{"table", `| 9060000000 | 0401013300180591AF |
| 90AF000000 | 0401013300180591AF |
905A000003010203 00 -> 9100
"90AF000000","9100"
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401013300180591AF
		> 905A00000301020300
		< 9100
		> 90AF000000
		< 9100`},
	{"json", `{"apdus":[
{"command": "9060000000", "response": "0401013300180591AF"},
{"command": "90AF000000", "response": "04112233445580BA5490DB8021149100"}
]}
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 04112233445580BA5490DB8021149100`},
	{"headings", `Sending APDU:
9060000000
Response:
04010133001805 91AF

Command
90AF000000
Reply
04 01 01 33 00 18 05
91 AF
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401013300180591AF`},
	{"rc522", `TX: 26
RX: 44 03
TX: 93 20
RX: 88 04 11 22 BF
TX: 93 70 88 04 11 22 BF B3 F9
RX: 04 DA 17
TX: E0 50 BC A5
RX: 06 75 77 81 02 80 02 F0
TX: D0 11 00 52 A6
RX: D0 73 87
TX: 02 90 60 00 00 00 14 98
RX: 02 04 01 01 33 00 18 05 91 AF 2A BE
TX: 03 90 AF 00 00 00 1F 15
RX: F2 01 91 40
TX: F2 01 91 40
RX: 03 91 1C 18 90
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 911C`},
	{"ccid_t1", `00000013 [139702983595584] APDU: 90 60 00 00 00
00000013 [139702983595584] -> 000000 62 00 00 00 00 00 01 00 00 00
00000013 [139702983595584] <- 000000 80 06 00 00 00 00 01 00 00 00 3B 81 80 01 80 80
00000013 [139702983595584] -> 000000 6F 04 00 00 00 00 02 00 00 00 FF 11 18 F6
00000013 [139702983595584] <- 000000 80 04 00 00 00 00 02 00 00 00 FF 11 18 F6
00000013 [139702983595584] -> 000000 6F 09 00 00 00 00 03 00 00 00 00 00 05 90 60 00 00 00 F5
00000013 [139702983595584] <- 000000 80 0D 00 00 00 00 03 00 00 00 00 00 09 04 01 01 33 00 18 05 91 AF 1D
00000013 [139702983595584] SW: 04 01 01 33 00 18 05 91 AF
00000013 [139702983595584] -> 000000 6F 09 00 00 00 00 04 00 00 00 00 40 05 90 AF 00 00 00 7A
00000013 [139702983595584] <- 000000 80 06 00 00 00 00 04 00 00 00 00 40 02 91 1C CF
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 911C`},
	{"freerdp", `[10:47:05:559] [1512:1523] [DEBUG][com.freerdp.channels.smartcard.client] - SCardTransmit (0x000900D0) FileId: 1 CompletionId: 2
[10:47:05:559] [1512:1523] [DEBUG][com.freerdp.channels.smartcard.client] - hContext: 0x88D9E85300000000 (8)
[10:47:05:559] [1512:1523] [DEBUG][com.freerdp.channels.smartcard.client] - cbSendLength: 5
[10:47:05:559] [1512:1523] [DEBUG][com.freerdp.channels.smartcard.client] - pbSendBuffer: 80 1C 00 00 00 
[10:47:05:559] [1512:1523] [DEBUG][com.freerdp.channels.smartcard.client] - pioRecvPci: null
[10:47:05:559] [1512:1523] [DEBUG][com.freerdp.channels.smartcard.client] - fpbRecvBufferIsNULL: 0 cbRecvLength: 1200
[10:35:54:537] [5284:00001535] [DEBUG][com.freerdp.scard.pack] - [smartcard_trace_transmit_return]:   cbRecvLength: 49
[10:35:54:537] [5284:00001535] [DEBUG][com.freerdp.scard.pack] - [smartcard_trace_transmit_return]:   pbRecvBuffer: { 532D612B4F0EE828BD080FD25047656E65726963500B47656E6572696320504B49730C300404025031A0040402509000 }
`, `
		> 801C000000
		< 532D612B4F0EE828BD080FD25047656E65726963500B47656E6572696320504B49730C300404025031A0040402509000`},
	{"spy2", `SCardTransmit
 i hCard: 0x5A2B3C4D
 i bSendBuffer[22]
 i  0000 90 AF 00 00 10 A3 54 D9 35 6F E3 3E 0D 68 A5 31 ......T.5o.>.h.1
 i  0010 BB 81 40 4B F6 00 ..@K..
 o bRecvBuffer[2]
 o  0000 91 AE ..
 => Command successful. (SCARD_S_SUCCESS [0x00000000]) [0.012345]
SCardStatus
 i hCard: 0x5A2B3C4D
 o bAtr: 3B 81 80 01 80 80
`, `
		> 90AF000010A354D9356FE33E0D68A531BB81404BF600
		< 91AE`},
	{"mixed", `Card ATR: 3B 81 80 01 80 80
SELECT: 90 5A 00 00 03 01 02 03 00
    <= 91 00
AUTH: 90 AA 00 00 01 00 00
    <= 7aca0fd9bcd6ec7c9f97466616e6a282 91AF
90 (CLA) 60 (INS) 00 (P1) 00 (P2) 00 (Le)
    <= 04 01 01 33 00 18 05 (data) 91 AF (sw)
`, `
		> 905A00000301020300
		< 9100
		> 90AA0000010000
		< 7ACA0FD9BCD6EC7C9F97466616E6A28291AF
		> 9060000000
		< 0401013300180591AF`},
	{"android2", `03-12 10:11:12.131 D/IsoDep(12345): transceive: [-112, 90, 0, 0, 3, 1, 2, 3, 0]
03-12 10:11:12.141 D/IsoDep(12345): response: [-111, 0]
I/System.out: send: 90 60 00 00 00
I/System.out: recv: 04 01 01 33 00 18 05 91 AF
D/DesFire: Request APDU: 90AF000000, Response APDU: 0401010300180591AF
`, `
		> 905A00000301020300
		< 9100
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401010300180591AF`},
	{"pcscd in a system log", `May 14 18:41:50 localhost.localdomain pcscd[336623]: 00000007 APDU: 90 60 00 00 00 
May 14 18:41:50 localhost.localdomain pcscd[336623]: 00004951 SW: 04 01 01 33 00 18 05 91 AF 
May 14 18:41:50 localhost pcscd[336623]: 00000003 ifdhandler.c:1302:IFDHTransmitToICC() usb:1050/0406:libudev:1:/dev/bus/usb/001/002 (lun: 0)
`, `
		> 9060000000
		< 0401013300180591AF`},
	{"opensc-tool -s", `Using reader with a card: ACS ACR122U PICC Interface 00 00
Sending: 90 60 00 00 00 
Received (SW1=0x91, SW2=0xAF):
04 01 01 33 00 18 05 ...3...
Sending: 90 AF 00 00 00 
Received (SW1=0x91, SW2=0x1C)
Sending: 00 A4 04 00 07 D2 76 00 00 85 01 01 00 
Received (SW1=0x90, SW2=0x00):
6F 22 85 20 D6 2C 77 AB F1 AA 04 F0 16 33 55 E9 o". .,w......3U.
CC AD 4F 35 ..O5
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 911C
		> 00A4040007D276000085010100
		< 6F228520D62C77ABF1AA04F0163355E9CCAD4F359000`},
	{"scriptor, continued", `Using T=1 protocol
Using given card
> 00 A4 04 00 07 D2 76 00 00 85 01 01 00
< 6F 22 85 20 D6 2C 77 AB F1 AA 04 F0 16 33 55 E9 CC AD 4F 35
02 89 B9 8A B4 85 A3 00 00 00 00 00 00 00 00 00 90 00 : Normal processing.
> reset
> 90 60 00 00 00
< 04 01 01 33 00 18 05 91 AF : Error not defined by ISO 7816
`, `
		> 00A4040007D276000085010100
		< 6F228520D62C77ABF1AA04F0163355E9CCAD4F350289B98AB485A30000000000000000009000
		> 9060000000
		< 0401013300180591AF`},
	{"numbered", `#1 >> 9060000000
#1 << 04010133001805 91AF
#2 >> 90AF000000
#2 << 04010133001805 91AF
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401013300180591AF`},
	{"PN532 of Arduino", `Sending :  0x0 0x0 0xFF 0x8 0xF8 0xD4 0x40 0x1 0x90 0x60 0x0 0x0 0x0 0xFB 0x0
Reading:  0x0 0x0 0xFF 0x0 0xFF 0x0
Reading:  0x0 0x0 0xFF 0xC 0xF4 0xD5 0x41 0x0 0x4 0x1 0x1 0x33 0x0 0x18 0x5 0x91 0xAF 0x54 0x0
`, `
		> 9060000000
		< 0401013300180591AF`},
	{"other languages", `发送：90 60 00 00 00
接收：04 01 01 33 00 18 05 91 AF
Befehl: 90 AF 00 00 00
Antwort: 91 1C
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 911C`},
	{"HTML", `<li><b>&gt;</b> 90 60 00 00 00</li>
<li><b>&lt;</b> 04 01 01 33 00 18 05 91 AF</li>
`, `
		> 9060000000
		< 0401013300180591AF`},
	{"a table without labels", "9060000000\t0401013300180591AF\n" +
		"90 AF 00 00 00 : 91 AF\n" +
		"90 AF 00 00 00 91 AF\n" +
		"90 5A 00 00 03 01 02 03 00 | 91 00\n", `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 91AF
		> 90AF000000
		< 91AF
		> 905A00000301020300
		< 9100`},
	{"cut", `> 90 60 00 00 00
< 04 01 01 33 00 [...]
> 90 AF 00 00 00
< 04 01 01 33 00 (truncated)
> 90 AF 00 00 00
< 91 00
`, `
		> 9060000000
		! bytes
		> 90AF000000
		! bytes
		> 90AF000000
		< 9100
		? 2 bytes
		? 4 bytes`},
	{"a question in a forum", `Hi all, I am trying to authenticate with my DESFire EV1 card using key 0 and got 91 AE. In step 2 I send 16 bytes.

I read the data sheet (page 24) and in 12 steps it should work. The result is 00 or AE, and in the end the card returns AE.

--> 90 0A 00 00 01 00 00
<-- 5B 57 69 C7 CE 4B 16 7B 91 AF
decrypted RndB: 00 11 22 33 44 55 66 77
--> 90 AF 00 00 10 43 9D 17 8E 9A 5F BA 70 8D 23 57 10 C9 32 D5 17 00
<-- 91 AE

Why do I get 91 AE? I used a key of 00 00 00 00 00 00 00 00 and IV 00 00 00 00 00 00 00 00.
`, `
		> 900A0000010000
		< 5B5769C7CE4B167B91AF
		> 90AF000010439D178E9A5FBA708D235710C932D51700
		< 91AE`},
	{"labels in brackets", `APDU: 90 60 00 00 00 | Response: 04 01 01 33 00 18 05 | SW: 91 AF
[>] 90AF000000
[<] 0401013300180591AF
Tx[5]={0x90,0xAF,0x00,0x00,0x00}
Rx[2]={0x91,0x1C}
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401013300180591AF
		> 90AF000000
		< 911C`},
	{"both on a line", `> 90 60 00 00 00 < 04 01 01 33 00 18 05 91 AF
>> 90AF000000 << 0401013300180591AF
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 0401013300180591AF`},
	{"times and no labels", `12:00:01.123 9060000000
12:00:01.130 0401013300180591AF
[12:00:02] 90 AF 00 00 00
[12:00:02] 91 1C
`, `
		> 9060000000
		< 0401013300180591AF
		> 90AF000000
		< 911C`},
	{"native without labels", `60
AF 04 01 01 33 00 18 05
AF
AF 04 01 01 33 00 18 05
AF
00 04 11 22 33 44 55 80 BA 54 90 DB 80 21 14
`, `
		> 60
		< AF04010133001805
		> AF
		< AF04010133001805
		> AF
		< 0004112233445580BA5490DB802114`},
	{"continued and indented", `TX: 0A 00
RX: AF 35 26 87 2E 8D 76 96 FA
TX: AF EA B2 1A 6B 49 D0 11
    C0 28 24 A2 6F 70 31 48
    DB
RX: 00 F8 06 8C 86
    FC 27 57 8B
TX: 5A 00 00 00
RX: 00
`, `
		> 0A00
		< AF3526872E8D7696FA
		> AFEAB21A6B49D011C02824A26F703148DB
		< 00F8068C86FC27578B
		> 5A000000
		< 00`},
	{"a status in the middle", `TX: 90 AF 00 00 20 FF E5 6E 63 38 1A 57 8D AF 13 55
    AC B2 A2 A3 39 CC 3A 23 34 5E 37 F7 97 93 51 39
    23 35 D6 6D 01 00
RX: 7A CA 0F D9 BC D6 EC 7C 9F 97 46 66 16 E6 91 00
    A2 82 91 00
`, `
		> 90AF000020FFE56E63381A578DAF1355ACB2A2A339CC3A23345E37F7979351392335D66D0100
		< 7ACA0FD9BCD6EC7C9F97466616E69100A2829100`},
	{"keys", `Info : Send 90 5A 00 00 03 01 02 03 00
Info : Recv 91 00
Error: authentication failed 91 AE (authentication error)
key = 00112233445566778899AABBCCDDEEFF
> key 00112233445566778899AABBCCDDEEFF
RndB: 00112233445566778899AABBCCDDEEFF
`, `
		> 905A00000301020300
		< 9100`},
}

func TestVariants(t *testing.T) {
	for _, v := range variants {
		t.Run(v.name, func(t *testing.T) {
			l := read(t, v.log)
			compare(t, l, v.want)
			traced(t, v.log, l)
		})
	}
}
