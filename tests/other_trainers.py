"""Option files of other trainers."""

BASICSR = """
name: my run/4
model_type: ESRGANModel
scale: 4
num_gpu: 2
manual_seed: 10
l1_gt_usm: true
percep_gt_usm: true
gan_gt_usm: false
datasets:
  train:
    name: photos
    type: PairedImageDataset
    dataroot_gt: photos/hr
    dataroot_lq: photos/lr
    filename_tmpl: '{}x4'
    io_backend: {type: disk}
    gt_size: 128
    use_hflip: true
    use_rot: true
    batch_size_per_gpu: 8
    meta_info_file: list.txt
  val: {name: five, type: PairedImageDataset, dataroot_gt: five/hr, dataroot_lq: five/lr}
  val_2: {name: fourteen, type: PairedImageDataset, dataroot_gt: fourteen/hr}
network_g: {type: RRDBNet, num_in_ch: 3, num_out_ch: 3, num_feat: 32, num_block: 4}
network_d: {type: VGGStyleDiscriminator, num_in_ch: 3, num_feat: 48}
path: {pretrain_network_g: psnr.pth, strict_load_g: false, resume_state: ~}
train:
  ema_decay: 0.999
  optim_g: {type: Adam, lr: 1e-4, weight_decay: 0, betas: [0.9, 0.99]}
  optim_d: {type: Adam, lr: !!float 2e-4}
  scheduler: {type: MultiStepLR, milestones: [500, 1000], gamma: 0.5}
  total_iter: 4e3
  warmup_iter: -1
  pixel_opt: {type: L1Loss, loss_weight: !!float 1e-2, reduction: mean}
  perceptual_opt:
    {type: PerceptualLoss, layer_weights: {conv5_4: 1}, perceptual_weight: 1.0, style_weight: 0, criterion: l1}
  gan_opt: {type: GANLoss, gan_type: vanilla, real_label_val: 1.0, fake_label_val: 0.0, loss_weight: 5.0e-3}
val:
  val_freq: !!float 5e2
  metrics:
    psnr: {type: calculate_psnr, crop_border: 3, test_y_channel: true}
    niqe: {type: calculate_niqe}
logger: {print_freq: 100, save_checkpoint_freq: 1000, use_tb_logger: true}
"""
