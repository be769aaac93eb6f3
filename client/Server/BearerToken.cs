namespace AuthMesh.Client.Server;

internal static class BearerToken
{
    /// <summary>Whether a header can carry the token (RFC 6750 §2.1). A client does not look inside it (RFC 9068 §6).</summary>
    public static bool IsSendable(string token) =>
        token.Length > 0 && token.All(character => char.IsAsciiLetterOrDigit(character) || "-._~+/=".Contains(character));
}
