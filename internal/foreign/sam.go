package foreign

import (
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// samCommand is a command of MIFARE SAM AV1, AV2 and AV3.
type samCommand struct {
	ins  byte
	name string
	open bool // neither half holds a key, nor what a key can be computed from
}

// samCommands are the commands of class 80 as NXP's public library names them.
var samCommands = [...]samCommand{
	{0x01, "SAM_ActivateOfflineKey", true},
	{0x0A, "SAM_AuthenticatePICC", true},
	{0x0C, "SAM_AuthenticateMIFARE", false},
	{0x0D, "SAM_DecipherOfflineData", false},
	{0x0E, "SAM_EncipherOfflineData", false},
	{0x10, "SAM_LockUnlock", true},
	{0x15, "PKI_GenerateKeyPair", false},
	{0x16, "PKI_GenerateSignature", true},
	{0x17, "PKI_GenerateHash", true},
	{0x18, "PKI_ExportPublicKey", true},
	{0x19, "PKI_ImportKey", false},
	{0x1A, "PKI_SendSignature", true},
	{0x1B, "PKI_VerifySignature", true},
	{0x1C, "SAM_AuthenticateMIFARE (part 2)", false},
	{0x1D, "PKI_UpdateKeyEntries", false},
	{0x1F, "PKI_ExportPrivateKey", false},
	{0x2C, "ULC_AuthenticatePICC", true},
	{0x30, "MF_Read", true},
	{0x31, "MFP_CombinedRead", true},
	{0x32, "MFP_CombinedWrite", false},
	{0x33, "SAM_CombinedReadMFP", true},
	{0x34, "SAM_CombinedWriteMFP", false},
	{0x35, "SAM_ChangeKeyMFP", false},
	{0x3A, "MF_AuthenticatedRead", true},
	{0x3C, "SAM_SetConfiguration", true},
	{0x40, "MFP_VirtualCardSupport", true},
	{0x41, "SAM_VirtualCardSupport", true},
	{0x42, "MFP_SelectVirtualCard", true},
	{0x43, "SAM_SelectVirtualCard", true},
	{0x51, "SAM_Sleep", true},
	{0x5A, "SAM_SelectApplication", true},
	{0x5C, "SAM_VerifyMAC", true},
	{0x60, "SAM_GetVersion", true},
	{0x64, "SAM_GetKeyEntry", true},
	{0x6C, "SAM_GetKUCEntry", true},
	{0x70, "MFP_Authenticate", true},
	{0x71, "SAM_LoadInitVector", true},
	{0x7C, "SAM_GenerateMAC", true},
	{0x7D, "SAM_GenerateMFCLicMAC", true},
	{0x84, "SAM_GetRandom", true},
	{0x8E, "SAM_IsoAuthenticatePICC", true},
	{0xA0, "MF_Write", false},
	{0xA1, "MF_ChangeKey", false},
	{0xA2, "MF_WriteValue", true},
	{0xA3, "SAM_AuthenticateMFP", true},
	{0xA4, "SAM_AuthenticateHost", true},
	{0xA5, "MFP_ChangeKey", false},
	{0xA8, "MFP_WritePerso", false},
	{0xAA, "MF_AuthenticatedWrite", false},
	{0xAD, "SAM_RemoveSM", false},
	{0xAE, "SAM_ApplySM", false},
	{0xC0, "MF_Decrement", true},
	{0xC1, "SAM_ChangeKeyEntry", false},
	{0xC2, "MF_Restore", true},
	{0xC3, "MF_Increment", true},
	{0xC4, "SAM_ChangeKeyPICC", false},
	{0xC5, "SAM_ChangeKeyMIFARE", false},
	{0xCA, "SAM_KillAuthentication", true},
	{0xCC, "SAM_ChangeKUCEntry", false},
	{0xD2, "DESFIRE_ReadX", true},
	{0xD3, "DESFIRE_WriteX", false},
	{0xD5, "SAM_DumpSessionKey", false},
	{0xD6, "SAM_DumpSecretKey", false},
	{0xD7, "SAM_DeriveKey", false},
	{0xD8, "SAM_DisableKeyEntry", true},
	{0xDA, "DESFIRE_AuthenticatePICC", true},
	{0xDC, "SAM_DisableCrypto", true},
	{0xDD, "SAM_DecipherData", false},
	{0xDE, "DESFIRE_ChangeKeyPICC", false},
	{0xE1, "SAM_EncipherKeyEntry", false},
	{0xED, "SAM_EncipherData", false},
	{0xFD, "MFP_ProximityCheck", true},
	{0xFE, "SAM_ProximityCheck", true},
}

// sam describes a command of class 80 as one of a SAM, unless it looks like one
// of GlobalPlatform or EMV, which share the class.
func (c *Command) sam() bool {
	if c.otherOwn() != "" {
		return false
	}
	for _, s := range samCommands {
		if s.ins != c.INS {
			continue
		}
		c.Name, c.Whose = s.name, SAM
		if c.P1 != 0 || c.P2 != 0 {
			c.add(hex8("P1", c.P1), hex8("P2", c.P2))
		}
		if s.open {
			c.keepAll()
			c.data()
			if s.ins == 0x60 {
				c.answer = samVersion
			}
			return true
		}
		if len(c.Data) > 0 {
			c.add(hidden("Data", c.Data))
		}
		return true
	}
	return false
}

// samVersion is the answer of SAM_GetVersion: hardware, software, what the maker
// did, and how the SAM is set.
func samVersion(d []byte) []wire.Field {
	if len(d) < 30 {
		return []wire.Field{field("Data", 0, d)}
	}
	list := []wire.Field{
		field("Hardware", 0, d[:7]), field("Software", 7, d[7:14]), field("UID", 14, d[14:21]), field("BatchNo", 21, d[21:26]),
		{Name: "Produced", Offset: 26, Len: 3, Value: fmt.Sprintf("%02X.%02X.20%02X", d[26], d[27], d[28])}, field("CryptoSettings", 29, d[29:30]),
	}
	if len(d) > 30 {
		mode := map[byte]string{0x03: "unactivated", 0xA1: "AV1", 0xA2: "AV2", 0xA3: "AV3"}[d[30]]
		if mode == "" {
			mode = fmt.Sprintf("%02X", d[30])
		}
		list = append(list, wire.Field{Name: "Mode", Offset: 30, Len: 1, Value: mode})
	}
	return list
}
