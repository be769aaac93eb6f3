using System.Security.Claims;
using Microsoft.AspNetCore.Authentication.JwtBearer;

namespace AuthMesh.Tokens;

/// <summary>The claims of an access token (RFC 9068 §2.2), under their names in the token.</summary>
/// <remarks>
/// <see cref="All"/> is the only list of claims. The identity service mints tokens from it, verifiers check and read tokens by it, and
/// discovery and the documentation list its claims.
/// <para>To add a claim, deploy in this order:</para>
/// <list type="number">
/// <item>Add an optional row. Verifiers of the previous version accept a token with an unknown claim, at the same cost. They pass the
/// claim to the service unchanged and unchecked.</item>
/// <item>Deploy every verifier (gateway, resource services, a team's own), if any of them acts on the claim.</item>
/// <item>Deploy the identity service, which then mints the claim.</item>
/// <item>Make the row required one hour later, when every token without the claim has expired.</item>
/// </list>
/// <para>
/// Verifiers of the previous version ignore an unknown claim. So a token that a new claim restricts must also lack a claim that they
/// require, for example <see cref="Role"/>: then they refuse it.
/// </para>
/// </remarks>
public static class AccessTokenClaims
{
    /// <summary>The public origin of the mesh that issued the token.</summary>
    public const string Issuer = "iss";

    /// <summary>The recipient that the token is for.</summary>
    public const string Audience = "aud";

    /// <summary>
    /// The user's id, never reused. Store this one beside data that belongs to a user. In the token of an application, it is the
    /// application's id.
    /// </summary>
    public const string Subject = "sub";

    /// <summary>The client that the token was issued to: the name of an application in its own token.</summary>
    public const string ClientId = "client_id";

    /// <summary>The token's own id.</summary>
    public const string TokenId = "jti";

    /// <summary>The id of the session that the token was minted for (OpenID Connect Front-Channel Logout 1.0 §3).</summary>
    public const string SessionId = "sid";

    /// <summary>The user's epoch when the token was minted: an integer that every change of password, role or state raises.</summary>
    public const string Epoch = "epoch";

    /// <summary>
    /// The epoch of the application that got the token for a user: an integer that disabling the application or a leaked secret raises.
    /// Absent in other tokens.
    /// </summary>
    public const string ClientEpoch = "client_epoch";

    /// <summary>
    /// The user's name as registered. The name can become free and go to somebody else: show it, never store data under it. A name with
    /// <c>@</c> that is not the user's own proved address is replaced by the user's id, so that no user appears as another's address.
    /// Absent in the token of an application, which acts for no user.
    /// </summary>
    public const string PreferredUsername = "preferred_username";

    /// <summary>
    /// The address that the user proved (OpenID Connect Core 1.0 §5.1); absent if none. It can change and go to somebody else: never store
    /// data under it.
    /// </summary>
    public const string Email = "email";

    /// <summary>Always true where <see cref="Email"/> is present: no token holds an address that its user did not prove.</summary>
    public const string IsEmailVerified = "email_verified";

    /// <summary>One of <see cref="Access.Roles"/>; absent if <see cref="Scope"/> limits the token.</summary>
    public const string Role = "role";

    /// <summary>
    /// What a key or an application may do: words of <see cref="Access.Scopes"/> with spaces between them (RFC 9068 §2.2.3). Absent in the
    /// token of a sign-in, which nothing limits.
    /// </summary>
    public const string Scope = "scope";

    /// <summary>
    /// When the user last proved who they are (OpenID Connect Core 1.0 §2): at the sign-in, or later by confirming it. A refresh does not
    /// change it.
    /// </summary>
    public const string AuthenticatedAt = "auth_time";

    /// <summary>How strong that proof was (OpenID Connect Core 1.0 §2): one of <see cref="Access.Assurance"/>.</summary>
    public const string Assurance = "acr";

    /// <summary>The methods by which the user proved who they are in this session, in the words of RFC 8176 §2.</summary>
    public const string Methods = "amr";

    /// <summary>When the token was minted.</summary>
    public const string IssuedAt = "iat";

    /// <summary>When the token expires.</summary>
    public const string ExpiresAt = "exp";

    /// <summary>The time before which the token is not valid (RFC 7519 §4.1.5).</summary>
    public const string NotBefore = "nbf";

    // In the order of the claims in a token: a reader tries the next row first.
    internal static readonly AccessTokenClaim[] Table =
    [
        new TextClaim(Issuer, true, "the setting AuthMesh:Issuer", static (ref content) => ref content.Issuer),
        new TextClaim(Audience, true, "the setting AuthMesh:Audience", static (ref content) => ref content.Audience),
        new IdClaim(Subject, true, "the user's id", static (ref content) => ref content.Subject),
        new TextClaim(ClientId, true, "the setting Identity:Tokens:ClientId", static (ref content) => ref content.ClientId),
        new IdClaim(SessionId, true, "the session's id", static (ref content) => ref content.SessionId),
        new NumberClaim(Epoch, true, ClaimKind.Whole, "the epoch of user and session", static (ref content) => ref content.Epoch),
        new TextClaim(TokenId, true, "random, new for every token", static (ref content) => ref content.Id),
        new NumberClaim(
            IssuedAt, true, ClaimKind.Instant, "the identity service's clock", static (ref content) => ref content.IssuedAt, isWide: true),
        new NumberClaim(
            ExpiresAt, true, ClaimKind.Instant, "iat and the token's lifetime", static (ref content) => ref content.ExpiresAt,
            isWide: true),
        new TextClaim(PreferredUsername, false, "the user's name", static (ref content) => ref content.Username), // see FindCallerFault
        new TextClaim(Email, false, "the address that the user proved", static (ref content) => ref content.Email),
        new FlagClaim(
            IsEmailVerified, false, "true beside a proved address", static (ref content) => ref content.IsEmailVerified),
        new TextClaim(Role, false, "the user's role", static (ref content) => ref content.Role), // see TokenContent.FindCallerFault
        new TextClaim(Scope, false, "the scopes of the key or the application", static (ref content) => ref content.Scope),
        new NumberClaim(
            ClientEpoch, false, ClaimKind.Whole, "the application's epoch", static (ref content) => ref content.ClientEpoch),
        new NumberClaim(
            AuthenticatedAt, false, ClaimKind.Instant, "the session's newest proof", static (ref content) => ref content.AuthenticatedAt),
        new TextClaim(Assurance, false, "the session's proofs", static (ref content) => ref content.Assurance),
        new TextsClaim(Methods, false, "the session's proofs", static (ref content) => ref content.Methods),
        new NumberClaim(NotBefore, false, ClaimKind.Instant, null, static (ref content) => ref content.NotBefore, isWide: true),
    ];

    /// <summary>Every claim that the mesh knows.</summary>
    public static IReadOnlyList<AccessTokenClaim> All { get; } = Table.AsReadOnly();

    extension(ClaimsPrincipal user)
    {
        /// <summary>The caller's id; throws if the caller is not signed in, or is an application.</summary>
        public string UserId => user.ApplicationId is null
            ? user.Untouched?.Subject.ToString() ?? user.Require(Subject)
            : throw new InvalidOperationException("The caller is an application, and acts for no user.");

        /// <summary>The name of the application that calls in its own name (RFC 6749 §4.4); null for a user.</summary>
        public string? ApplicationId => user.Untouched is { } token
            ? token.IsOfApplication ? token.ClientId : null
            : user.Identities.FirstOrDefault(identity => identity.AuthenticationType == JwtBearerDefaults.AuthenticationScheme) is { } own
                && own.HasClaim(claim => claim.Type == Scope) && !own.HasClaim(claim => claim.Type == PreferredUsername)
                ? own.FindFirst(ClientId)?.Value : null;

        /// <summary>The caller's name to show; throws if the caller is not signed in.</summary>
        public string Username => user.Untouched?.Username ?? user.Require(PreferredUsername);

        /// <summary>The caller's role; throws if the caller is not signed in, or if scopes limit the token: it has no role then.</summary>
        public string Role => user.Untouched?.Role ?? user.Require(AccessTokenClaims.Role);

        /// <summary>The scopes of a key or an application; null for a caller who signed in, whom nothing limits.</summary>
        public IReadOnlyList<string>? Scopes =>
            user.Untouched is { } token ? token.Scopes : user.FindFirstValue(Scope)?.Split(' ');

        private VerifiedToken? Untouched => user is TokenPrincipal { IsUntouched: true } caller ? caller.Token : null;

        private string Require(string claim) =>
            user.FindFirstValue(claim) ?? throw new InvalidOperationException($"The caller is not signed in, or the token has no {claim}.");
    }
}
