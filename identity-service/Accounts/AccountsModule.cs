using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;

namespace AuthMesh.Identity.Accounts;

internal static class AccountsModule
{
    public static readonly Module Instance = new("Accounts")
    {
        AddServices = services => services
            .AddScoped<Register>().AddScoped<ShowAccount>().AddScoped<Reauthenticate>().AddScoped<ChangePassword>()
            .AddScoped<DropPassword>().AddScoped<ChooseLanguage>().AddScoped<DeleteAccount>(),
        MapEndpoints = MapEndpoints,
        Settings = [typeof(AccountOptions)],
    };

    private static void MapEndpoints(IEndpointRouteBuilder app)
    {
        var group = app.MapNoStore();
        Register.Map(group);

        ShowAccount.Map(group.MapForScope("/account", OwnEndpoints.AccountRead));
        var own = group.MapForSignIns("/account");
        ChooseLanguage.Map(own);
        Reauthenticate.Map(own);
        ChangePassword.Map(own);
        DropPassword.Map(own);
        DeleteAccount.Map(own);
    }
}
