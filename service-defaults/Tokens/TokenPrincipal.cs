using System.Security.Claims;
using System.Security.Principal;

namespace AuthMesh.Tokens;

/// <summary>
/// The caller that a token names. It makes the claims only when code asks for them, because most endpoints need none, or only those that
/// <see cref="AccessTokenClaims"/> reads from the token itself.
/// </summary>
internal sealed class TokenPrincipal(VerifiedToken token) : ClaimsPrincipal
{
    private ClaimsPrincipal? made;

    public VerifiedToken Token => token;

    /// <summary>Whether no code has asked for the claims. If so, no code can have changed them.</summary>
    public bool IsUntouched => Volatile.Read(ref made) is null;

    public override IIdentity? Identity => Made.Identity;

    public override IEnumerable<ClaimsIdentity> Identities => Made.Identities;

    public override IEnumerable<Claim> Claims => Made.Claims;

    // Two threads of one request may ask at the same time, so the first one to finish counts.
    private ClaimsPrincipal Made =>
        Volatile.Read(ref made)
        ?? Interlocked.CompareExchange(ref made, new ClaimsPrincipal(token.CreateIdentity()), null)
        ?? made;

    public override void AddIdentity(ClaimsIdentity identity) => Made.AddIdentity(identity);

    public override void AddIdentities(IEnumerable<ClaimsIdentity> identities) => Made.AddIdentities(identities);

    public override IEnumerable<Claim> FindAll(Predicate<Claim> match) => Made.FindAll(match);

    public override IEnumerable<Claim> FindAll(string type) => Made.FindAll(type);

    public override Claim? FindFirst(Predicate<Claim> match) => Made.FindFirst(match);

    public override Claim? FindFirst(string type) => Made.FindFirst(type);

    public override bool HasClaim(Predicate<Claim> match) => Made.HasClaim(match);

    public override bool HasClaim(string type, string value) => Made.HasClaim(type, value);

    public override bool IsInRole(string role) => Made.IsInRole(role);

    public override ClaimsPrincipal Clone() => Made.Clone();

    public override void WriteTo(BinaryWriter writer) => Made.WriteTo(writer);
}
