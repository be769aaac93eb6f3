using AuthMesh.Identity.Pages.Entry;
using AuthMesh.Identity.Pages.Frame;
using AuthMesh.Identity.Pages.Account;
using AuthMesh.Identity.Pages.Authorization;
using AuthMesh.Identity.Platform;

namespace AuthMesh.Identity.Pages;

internal static class PagesModule
{
    public static readonly Module Instance = new("Pages")
    {
        AddServices = services =>
            services.AddSingleton<Texts>().AddSingleton<Assets>().AddSingleton<PageGuard>().AddSingleton<ProofCookie>(),
        MapEndpoints = MapEndpoints,
        Settings = [typeof(PageOptions)],
    };

    // Every page answers anonymous callers, because a JSON 401 is no page: it leads them to the sign-in itself.
    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        Assets.Map(app.MapGroup("").WithMetadata(PageMarker.Instance));
        var pages = app.MapGroup("").AddEndpointFilter(PageGuard.RunAsync).AllowAnonymous().WithMetadata(PageMarker.Instance);
        StartPage.Map(pages);
        SignOutPage.Map(pages);
        ForgotPage.Map(pages);
        ResetPage.Map(pages);
        VerifyEmailPage.Map(pages);
        ProfilePage.Map(pages);
        EmailPage.Map(pages);
        SecurityPage.Map(pages);
        PasswordPage.Map(pages);
        AuthenticatorPage.Map(pages);
        RecoveryCodesPage.Map(pages);
        PasskeysPage.Map(pages);
        KeysPage.Map(pages);
        SessionsPage.Map(pages);
        ApplicationsPage.Map(pages);
        DeletePage.Map(pages);
        DevicePage.Map(pages);

        var passed = pages.MapGroup("").WithMetadata(new OfAuthorization());
        SignInPage.Map(passed);
        SecondFactorPage.Map(passed);
        SignUpPage.Map(passed);
        ConfirmPage.Map(passed);
        ConsentPage.Map(passed);

        var open = app.MapGroup("").AddEndpointFilter(PageGuard.RunForForeignFormsAsync).AllowAnonymous()
            .WithMetadata(PageMarker.Instance, new OfAuthorization());
        AuthorizePage.Map(open);
        EndSessionPage.Map(open);
    }
}
