using AuthMesh.Errors;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Throttling;

namespace AuthMesh.Identity.SignIn;

/// <summary>A sign-in in progress. The caller has proved their identity, and no session exists yet.</summary>
/// <param name="User">The account and what was proved. <see cref="CompleteSignIn"/> fails if the account has changed since.</param>
/// <param name="KnownDevice">The caller's device cookie, if it is for this account in this epoch.</param>
/// <param name="Trust">Set if the user wants to trust this device from now on.</param>
internal sealed record SignInTicket(ProvedUser User, DeviceCookie? KnownDevice, DeviceTrust? Trust = null);

/// <summary>
/// The result of a sign-in step, which decides the next step. A step never calls the next one; the endpoint does, so steps are added or
/// repeated in one place.
/// </summary>
internal abstract record SignInStep
{
    private SignInStep()
    {
    }

    /// <summary>The sign-in ends here.</summary>
    public sealed record Refuse(Failure Failure) : SignInStep;

    /// <summary>The password was right, and the account demands more. <see cref="DemandSecondFactor"/> says so.</summary>
    public sealed record SecondFactor(SignInTicket Ticket) : SignInStep;

    /// <summary>Everything is proved. <see cref="CompleteSignIn"/> starts the session.</summary>
    public sealed record Complete(SignInTicket Ticket) : SignInStep;
}
