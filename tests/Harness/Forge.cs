using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Identity.Keys;
using AuthMesh.Tokens;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Tests.Harness;

/// <summary>Makes tokens with the mesh's own signing key, so that a refusal has only the one cause that a test puts in.</summary>
internal sealed class Forge(string keyId, ECDsa key)
{
    public string KeyId => keyId;

    public ECDsa Key => key;

    public static async Task<Forge> OpenAsync(Database database, byte[] masterKey, RingKeyState state = RingKeyState.Current)
    {
        await using var db = database.Open();
        var row = await db.RingKeys.SingleAsync(ring => ring.Purpose == RingKeyPurpose.Signing && ring.State == state);
        var key = ECDsa.Create();
        key.ImportPkcs8PrivateKey(row.TryOpen(new MasterKey(masterKey)), out _);
        return new Forge(row.Id, key);
    }

    public JsonObject Header() => new() { ["alg"] = "ES256", ["typ"] = "at+jwt", ["kid"] = keyId };

    /// <summary>The claims of a valid token, which a test may change.</summary>
    public static JsonObject Claims()
    {
        var now = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds();
        var content = new TokenContent
        {
            Issuer = ProductionMesh.Issuer,
            Audience = "authmesh",
            Subject = Guid.NewGuid(),
            ClientId = "authmesh",
            Id = Guid.NewGuid().ToString("N"),
            SessionId = Guid.NewGuid(),
            Epoch = 0,
            Username = "forged",
            Role = "user",
            IssuedAt = now,
            ExpiresAt = now + 600,
        };
        return JsonSerializer.SerializeToNode(content.Write())!.AsObject();
    }

    public string Sign(JsonObject header, JsonObject claims) => Sign(header.ToJsonString(), claims.ToJsonString());

    /// <summary>Signs text that no JSON writer would write.</summary>
    public string Sign(string header, string claims)
    {
        var signed = Encode(header) + "." + Encode(claims);
        return signed + "." + Base64Url.EncodeToString(key.SignData(Encoding.ASCII.GetBytes(signed), HashAlgorithmName.SHA256));
    }

    public static string Encode(string text) => Base64Url.EncodeToString(Encoding.UTF8.GetBytes(text));

    public static string With(JsonObject members, string name, JsonNode? value)
    {
        var changed = members.DeepClone().AsObject();
        changed[name] = value;
        return changed.ToJsonString();
    }

    public static string Without(JsonObject members, string name)
    {
        var changed = members.DeepClone().AsObject();
        changed.Remove(name);
        return changed.ToJsonString();
    }
}
