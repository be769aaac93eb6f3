using System.Security.Claims;

namespace AuthMesh.Tokens;

/// <summary>The claims of an access token (RFC 9068 §2.2), under their names in the token.</summary>
public static class AccessTokenClaims
{
    /// <summary>The user's id, never used again for another: the one to store beside data that belongs to a user.</summary>
    public const string Subject = "sub";

    /// <summary>The user's name as registered. It can be freed and taken by somebody else: show it, never store data under it.</summary>
    public const string PreferredUsername = "preferred_username";

    /// <summary>One of <see cref="Access.Roles"/>.</summary>
    public const string Role = "role";

    /// <summary>The id of the session that the token was minted for (OpenID Connect Front-Channel Logout 1.0 §3).</summary>
    public const string SessionId = "sid";

    /// <summary>The user's epoch when the token was minted: an integer that every change of password, role or state raises.</summary>
    public const string Epoch = "epoch";

    extension(ClaimsPrincipal user)
    {
        /// <summary>The caller's id; throws where the caller is not signed in.</summary>
        public string UserId => user.FindFirstValue(Subject) ?? throw new InvalidOperationException("The caller is not signed in.");

        /// <summary>The caller's name to show; throws where the caller is not signed in.</summary>
        public string Username => user.FindFirstValue(PreferredUsername) ?? throw new InvalidOperationException("The caller is not signed in.");

        /// <summary>The caller's role; throws where the caller is not signed in.</summary>
        public string Role => user.FindFirstValue(AccessTokenClaims.Role) ?? throw new InvalidOperationException("The caller is not signed in.");
    }
}
