using System.Buffers.Binary;
using System.Buffers.Text;
using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Tests.Harness;

namespace AuthMesh.Tests.Passkeys;

/// <summary>
/// An authenticator with one passkey, and the browser in front of it (WebAuthn Level 3 §6 and §5.8.1). It does what it is told, so that a
/// test can put in one fault.
/// </summary>
public sealed class SoftwarePasskey : IDisposable
{
    // WebAuthn §6.1: user present, user verified, backup eligible, backed up, attested credential data.
    private const byte Present = 0x01, Verified = 0x04, BackupEligible = 0x08, BackedUp = 0x10, Attested = 0x40;

    private readonly AsymmetricAlgorithm key;

    /// <param name="usesRsa">RS256, as Windows Hello; otherwise ES256.</param>
    public SoftwarePasskey(bool usesRsa = false) =>
        key = usesRsa ? RSA.Create(2048) : ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public byte[] Id { get; init; } = RandomNumberGenerator.GetBytes(32);

    /// <summary>The user handle that it was registered with.</summary>
    public byte[] Handle { get; set; } = [];

    /// <summary>What it signs as the RP ID.</summary>
    public string Domain { get; set; } = new Uri(ProductionMesh.Issuer).Host;

    /// <summary>The page that the browser shows.</summary>
    public string Origin { get; set; } = ProductionMesh.Issuer;

    /// <summary>Whether the page is a frame in another site's page.</summary>
    public bool IsFramed { get; set; }

    public bool VerifiesUser { get; set; } = true;

    public bool IsSynced { get; set; }

    /// <summary>The count of signatures; a synced passkey does not count.</summary>
    public uint Count { get; set; }

    /// <summary>COSE's number of the algorithm that it claims (RFC 9053 §2.1).</summary>
    public int? Algorithm { get; set; }

    /// <summary>Answers <c>navigator.credentials.create()</c>.</summary>
    public JsonObject Create(JsonElement options)
    {
        Handle = Base64Url.DecodeFromChars(options.GetProperty("user").GetProperty("id").GetString());
        var attestation = new CborWriter(CborConformanceMode.Ctap2Canonical);
        attestation.WriteStartMap(3);
        attestation.WriteTextString("fmt");
        attestation.WriteTextString("none");
        attestation.WriteTextString("attStmt");
        attestation.WriteStartMap(0);
        attestation.WriteEndMap();
        attestation.WriteTextString("authData");
        attestation.WriteByteString(AuthenticatorData(isAttested: true));
        attestation.WriteEndMap();
        return Credential(new JsonObject
        {
            ["clientDataJSON"] = Text(ClientData("webauthn.create", options)),
            ["attestationObject"] = Text(attestation.Encode()),
            ["transports"] = new JsonArray("internal", "hybrid", "carrier-pigeon"),
        });
    }

    /// <summary>Answers <c>navigator.credentials.get()</c>.</summary>
    public JsonObject Sign(JsonElement options)
    {
        var (authenticatorData, clientData) = (AuthenticatorData(isAttested: false), ClientData("webauthn.get", options));
        byte[] signed = [.. authenticatorData, .. SHA256.HashData(clientData)];
        return Credential(new JsonObject
        {
            ["clientDataJSON"] = Text(clientData),
            ["authenticatorData"] = Text(authenticatorData),
            ["signature"] = Text(key is ECDsa ecdsa
                ? ecdsa.SignData(signed, HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence)
                : ((RSA)key).SignData(signed, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1)),
            ["userHandle"] = Text(Handle),
        });
    }

    public void Dispose() => key.Dispose();

    private static string Text(byte[] bytes) => Base64Url.EncodeToString(bytes);

    private JsonObject Credential(JsonObject response) => new()
    {
        ["id"] = Text(Id),
        ["rawId"] = Text(Id),
        ["type"] = "public-key",
        ["authenticatorAttachment"] = "platform",
        ["clientExtensionResults"] = new JsonObject { ["credProps"] = new JsonObject { ["rk"] = true } },
        ["response"] = response,
    };

    private byte[] ClientData(string type, JsonElement options) => Encoding.UTF8.GetBytes(new JsonObject
    {
        ["type"] = type,
        ["challenge"] = options.GetProperty("challenge").GetString(),
        ["origin"] = Origin,
        ["crossOrigin"] = IsFramed,
        ["other_keys_can_be_added_here"] = "do not compare clientDataJSON against a template", // Chrome does this
    }.ToJsonString());

    private byte[] AuthenticatorData(bool isAttested)
    {
        var data = new List<byte>(SHA256.HashData(Encoding.UTF8.GetBytes(Domain)));
        data.Add((byte)(Present | (VerifiesUser ? Verified : 0) | (IsSynced ? BackupEligible | BackedUp : 0) | (isAttested ? Attested : 0)));
        var count = new byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(count, Count);
        data.AddRange(count);
        if (isAttested)
        {
            var length = new byte[sizeof(ushort)];
            BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)Id.Length);
            data.AddRange([.. new byte[16], .. length, .. Id, .. PublicKey()]); // the first is the AAGUID: no model is named
        }

        return [.. data];
    }

    // RFC 9052 §7, RFC 9053 §7.1.1, RFC 8230 §4.
    private byte[] PublicKey()
    {
        var cose = new CborWriter(CborConformanceMode.Ctap2Canonical);
        if (key is ECDsa ecdsa)
        {
            var point = ecdsa.ExportParameters(includePrivateParameters: false).Q;
            cose.WriteStartMap(5);
            WriteNumber(1, 2);
            WriteNumber(3, Algorithm ?? -7);
            WriteNumber(-1, 1);
            WriteBytes(-2, point.X!);
            WriteBytes(-3, point.Y!);
        }
        else
        {
            var rsa = ((RSA)key).ExportParameters(includePrivateParameters: false);
            cose.WriteStartMap(4);
            WriteNumber(1, 3);
            WriteNumber(3, Algorithm ?? -257);
            WriteBytes(-1, rsa.Modulus!);
            WriteBytes(-2, rsa.Exponent!);
        }

        cose.WriteEndMap();
        return cose.Encode();

        void WriteNumber(int label, int value)
        {
            cose.WriteInt32(label);
            cose.WriteInt32(value);
        }

        void WriteBytes(int label, byte[] value)
        {
            cose.WriteInt32(label);
            cose.WriteByteString(value);
        }
    }
}
