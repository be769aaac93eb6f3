using AuthMesh.Errors;

namespace AuthMesh.Identity.Keys;

/// <summary>No access token can be made at the moment.</summary>
internal sealed class CannotSignException() : Exception("there is no signing key that verifiers trust")
{
    public static readonly FailureRule Rule = new(exception => exception is CannotSignException
        ? CommonFailures.Unavailable("keys_unavailable", "Tokens cannot be issued right now")
        : null);
}
