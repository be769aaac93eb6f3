using AuthMesh.Errors;
using AuthMesh.Identity.Throttling;

namespace AuthMesh.Identity.SignIn;

/// <summary>A sign-in that is under way. The caller has proved who they are, and no session exists yet.</summary>
/// <param name="UserId">The account that the proofs are for.</param>
/// <param name="Epoch">The account's epoch, read together with what was proved. <see cref="CompleteSignIn"/> demands that it still
/// holds.</param>
/// <param name="KnownDevice">The device cookie that the caller brought, if it is for this account in this epoch.</param>
internal sealed record SignInTicket(Guid UserId, int Epoch, DeviceCookie? KnownDevice);

/// <summary>
/// What a step of a sign-in says comes next. A step never calls the next one: the endpoint does, so a step can be added, or asked again,
/// in one place.
/// </summary>
internal abstract record SignInStep
{
    private SignInStep()
    {
    }

    /// <summary>The sign-in ends here.</summary>
    public sealed record Refuse(Failure Failure) : SignInStep;

    /// <summary>Everything is proved. <see cref="CompleteSignIn"/> starts the session.</summary>
    public sealed record Complete(SignInTicket Ticket) : SignInStep;
}
