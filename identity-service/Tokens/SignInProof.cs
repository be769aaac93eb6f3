namespace AuthMesh.Identity.Tokens;

/// <summary>How and when a session's user proved who they are, for the claims <c>auth_time</c>, <c>acr</c> and <c>amr</c>.</summary>
/// <param name="At">The newest proof, by PostgreSQL's clock.</param>
/// <param name="Assurance">One of <see cref="Access.Assurance"/>.</param>
/// <param name="Methods">Words of RFC 8176 §2.</param>
internal sealed record SignInProof(DateTimeOffset At, string Assurance, string[] Methods);
