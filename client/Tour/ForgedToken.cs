using System.Buffers.Text;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using AuthMesh.Client.CommandLine;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Tour;

/// <summary>
/// Forges a token: it changes the payload of a real token to say "admin" under the old signature, as an attacker tries first.
/// </summary>
internal static class ForgedToken
{
    public static string Promote(string token)
    {
        try
        {
            if (token.Split('.') is [var header, var payload, var signature])
            {
                var claims = JsonNode.Parse(Base64Url.DecodeFromChars(payload))!.AsObject();
                claims["role"] = "admin";
                return $"{header}.{Base64Url.EncodeToString(Encoding.UTF8.GetBytes(claims.ToJsonString()))}.{signature}";
            }
        }
        catch (Exception exception) when (exception is FormatException or JsonException or InvalidOperationException)
        {
            // Fails like a token with another number of parts.
        }

        throw CommandFailure.Unexpected("not sent: the token is not a JWT and cannot be forged", Answer.WrongServerHint);
    }
}
